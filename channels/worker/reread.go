package worker

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stockpush/processor/stream/kafka"
)

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
	for _, key := range slices.Sorted(maps.Keys(r.foreign)) {
		if s := w.skus[key]; s != nil && s.KnowsMoreThan(r.foreign[key]) {
			w.deps.Logger.Warn("state of an earlier owner overwritten", "store_sku", key)
			w.deps.Metrics.rewritten.Inc()
			w.writing.state(s, noSource)
		}
	}
}
