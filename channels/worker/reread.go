package worker

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stockpush/processor/stream"
)

// A worker that lost its partition, and was frozen with a state being sent, sends that when it
// wakes up: after its successor's states. The next restore keeps the state that knows more,
// unless Kafka has compacted that away. So an owner regularly reads what was written to its
// partition of the state topic, and writes its own states again where another owner's follow.
// Until then Kafka keeps both, for schemas.StateCompactionLag.

const (
	// defaultReread is how often states are read again: much more often than Kafka compacts them.
	defaultReread = time.Minute
	// rereadTimeout bounds one reading, for which a drain waits.
	rereadTimeout = 5 * time.Second
)

func (c *Config) rereadEvery() time.Duration { return cmp.Or(c.RereadStates, defaultReread) }

// firstReread is the time to a partition's first reading; partitions take turns.
func (c *Config) firstReread(partition int32) time.Duration {
	const spread = 16
	return c.rereadEvery() * time.Duration(spread+partition%spread) / spread
}

// rereading is what a reading found.
type rereading struct {
	end int64
	err error
	// foreign are the last states that another owner wrote, by Kafka key.
	foreign map[string][]byte
}

// startReread reads the states from where the last reading ended, beside the owner.
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
		read.end, read.err = w.deps.History.States(readCtx, w.assignment.Partition(), from, func(m *stream.Record) error {
			read.take(m, w.id)
			return nil
		})
		select {
		case w.rereads <- read:
		case <-ctx.Done():
		}
	})
}

func (r *rereading) take(m *stream.Record, owner string) {
	delete(r.foreign, string(m.Key))
	if len(m.Value) > 0 && !writtenBy(m, owner) {
		r.foreign[string(m.Key)] = bytes.Clone(m.Value)
	}
}

func writtenBy(m *stream.Record, owner string) bool {
	for _, h := range m.Headers {
		if h.Key == ownerHeader {
			return string(h.Value) == owner
		}
	}
	return false
}

// endReread writes the states again that another owner's state follows and that know more.
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
