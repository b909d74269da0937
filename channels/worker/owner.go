package worker

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/outbox"
	"stockpush/schemas"
)

// An owner that was killed may have had requests in flight, so its successor assumes that every
// waiting command may still be applied. An owner that was drained had none, and shows it:
//
//   - before it sends anything, an owner claims the partition: it writes its name under ownerKey
//     to the state topic and waits for the acknowledgement;
//   - after it has drained, and the states have all requests with an unknown outcome, it puts its
//     name into the commit of its offset (the clean mark).
//
// A successor accepts the mark only if the last claim has the same name: an owner that claimed
// later may have sent something. An owner that lost the partition without noticing may claim
// late, but the group refuses its commit, and so its mark.

// ownerKey is the Kafka key of claims; no store SKU can have it.
const ownerKey = "~owner"

func cleanMark(owner string) string { return "clean " + owner }

// claim invalidates every earlier owner's mark, and waits until the claim is stored.
func (w *worker) claim(ctx context.Context) error {
	w.flush(ctx)
	w.out.Send(ctx, outbox.Turn{First: []*outbox.Message{{
		Record:  kafka.Record{Topic: w.deps.Topics.State(), Partition: w.assignment.Partition(), Key: []byte(ownerKey), Value: []byte(w.id)},
		Sources: []int64{schemas.NoOffset},
	}}})
	for w.out.Open() > 0 {
		select {
		case ack := <-w.out.Acks():
			if err := w.out.Handle(ctx, ack); err != nil {
				return err
			}
		case <-w.recheck.C:
			w.out.Advance(ctx)
			w.recheck.Reset(recheckAfter)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// handOver prepares the successor's start after the last call ended: the states must have every
// request that may still be applied. It says whether they do.
func (w *worker) handOver() (done bool) {
	if w.saveUnsaved() {
		w.timer.Reset(0) // they are sent in the next turn
		return false
	}
	if w.clean || w.caughtUp() { // otherwise commands are left that an earlier owner may have sent
		w.assignment.Mark(cleanMark(w.id))
	}
	return true
}

// saveUnsaved writes the states that the state topic does not have, and says whether there were any.
func (w *worker) saveUnsaved() (any bool) {
	for s := range w.skus() {
		if s.Unsaved {
			any = true
			w.writing.state(s, noSource)
		}
	}
	return any
}

// A worker that was stopped while it sent a state, and lost its partition, sends the state when it
// continues, after its successor's states. The next restore keeps the newer state, unless Kafka
// has compacted it away. So an owner regularly reads its partition of the state topic, and writes
// its states again if an older one of another owner follows. Until then Kafka keeps both, for
// schemas.StateCompactionLag.

const (
	// defaultReread is how often states are read again. It is much shorter than
	// schemas.StateCompactionLag.
	defaultReread = time.Minute
	// rereadTimeout bounds one reading. A drain waits for it.
	rereadTimeout = 5 * time.Second
)

func (c *Config) rereadEvery() time.Duration { return cmp.Or(c.RereadStates, defaultReread) }

// firstReread is the time to a partition's first reading; it spreads the partitions.
func (c *Config) firstReread(partition int32) time.Duration {
	const spread = 16
	return c.rereadEvery() * time.Duration(spread+partition%spread) / spread
}

// rereading is the result of a reading.
type rereading struct {
	end int64
	err error
	// foreign are the last states that another owner wrote, by Kafka key.
	foreign map[string][]byte
}

// startReread reads the states from the end of the last reading, in a goroutine of its own.
func (w *worker) startReread(ctx context.Context) {
	w.rereadTimer.Reset(w.cfg.rereadEvery())
	if w.draining || !w.assignment.Alive() {
		return
	}
	from := w.statesEnd
	w.inFlight++
	w.calls.Go(func() {
		readCtx, cancel := context.WithTimeout(ctx, rereadTimeout)
		defer cancel()
		read := rereading{foreign: map[string][]byte{}}
		read.end, read.err = w.deps.History.States(readCtx, w.assignment.Partition(), from, func(m *kafka.Record) error {
			read.take(m, w.id)
			return nil
		})
		select {
		case w.rereads <- read:
		case <-ctx.Done():
		}
	})
}

func (r *rereading) take(m *kafka.Record, owner string) {
	delete(r.foreign, string(m.Key))
	if len(m.Value) > 0 && !writtenBy(m, owner) {
		r.foreign[string(m.Key)] = bytes.Clone(m.Value)
	}
}

func writtenBy(m *kafka.Record, owner string) bool {
	for _, h := range m.Headers {
		if h.Key == ownerHeader {
			return string(h.Value) == owner
		}
	}
	return false
}

// endReread writes the states again that are newer than another owner's that follows.
func (w *worker) endReread(r rereading) {
	w.inFlight--
	if r.err != nil {
		return // the next reading starts at the same place
	}
	w.statesEnd = r.end
	for _, text := range slices.Sorted(maps.Keys(r.foreign)) {
		key, err := schemas.ParseKey(text)
		if err != nil {
			continue // not a store SKU's state
		}
		if s := w.shop(key.Shop()).lane.SKU(key); s.KnowsMoreThan(r.foreign[text]) {
			w.deps.Logger.Warn("state of an earlier owner overwritten", "store_sku", text)
			w.deps.Metrics.rewritten.Inc()
			w.writing.state(s, noSource)
		}
	}
}
