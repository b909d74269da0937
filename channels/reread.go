package channels

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// A worker that lost its partition, and was frozen with a state on its way, sends that
// when it wakes up: over its successor's, whatever that wrote. Who restores next takes
// the one that knows more, unless Kafka has compacted that away. So an owner reads again,
// now and then, what was written among its states, and what another owner wrote over one of
// its own it writes anew. Until then Kafka keeps both: for schemas.StateCompactionLag.

const (
	// ownerHeader has the name of the owner that wrote a state.
	ownerHeader = "owner"
	// rereadStates is how often states are read again: much more often than they are compacted.
	rereadStates = time.Minute
	// rereadTimeout bounds a reading, for which a drain waits.
	rereadTimeout = 5 * time.Second
)

// others are the last states of store SKUs, by their keys, that another owner wrote.
type others map[string][]byte

// take looks at a message of the states.
func (o others) take(r *stream.Record, owner string) {
	if len(o) > 0 {
		delete(o, string(r.Key))
	}
	if len(r.Value) > 0 && !writtenBy(r, owner) {
		o[string(r.Key)] = bytes.Clone(r.Value)
	}
}

func writtenBy(r *stream.Record, owner string) bool {
	for _, h := range r.Headers {
		if h.Key == ownerHeader {
			return string(h.Value) == owner
		}
	}
	return false
}

// reread reads the states from where the last reading ended.
func (w *worker) reread(ctx context.Context) {
	if w.draining || !w.assignment.Alive() {
		w.rereadIn()
		return
	}
	from := w.statesEnd
	w.fly(ctx, func() func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
		defer cancel()
		late := others{}
		end, err := w.deps.History.States(ctx, w.assignment.Partition(), from, func(r *stream.Record) error {
			late.take(r, w.id)
			return nil
		})
		return func(time.Time) {
			if err == nil { // else they are read the next time
				w.statesEnd = end
				w.writeAnew(late)
			}
			w.rereadIn()
		}
	})
}

func (w *worker) rereadIn() { w.rereads.Reset(w.cfg.rereadEvery()) }

func (c Config) rereadEvery() time.Duration { return cmp.Or(c.RereadStates, rereadStates) }

// firstReread is when a partition's states are read again first: not all at once.
func (c Config) firstReread(partition int32) time.Duration {
	const spread = 16
	return c.rereadEvery() * time.Duration(spread+partition%spread) / spread
}

// writeAnew writes the states that others wrote over, unless those know more.
func (w *worker) writeAnew(late others) {
	for _, key := range slices.Sorted(maps.Keys(late)) {
		if _, found := w.skus[key]; !found {
			continue
		}
		s, err := w.sku(key)
		if err != nil {
			continue
		}
		if s.wasWrittenOver(late[key]) {
			w.deps.Logger.Warn("an earlier owner of the partition wrote over a state, it is written again", "store_sku", key)
			w.deps.Metrics.rewritten.Inc()
			w.out.state(s)
		}
		w.restLater(s)
	}
}

// wasWrittenOver says whether a state is not what is known, nor knows of a newer event.
func (s *storeSKU) wasWrittenOver(by []byte) bool {
	state, err := schemas.SplitState(by)
	if err == nil && state.Finished.Position.Newer(s.finishedAt()) {
		return false
	}
	return !bytes.Equal(by, s.append(nil))
}
