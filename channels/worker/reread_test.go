package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// history is that of a test, with what was written to the states since.
type history struct {
	channeltest.History
	written func() []*kafka.Record
}

func (h history) States(ctx context.Context, partition int32, from int64, take func(*kafka.Record) error) (end int64, err error) {
	if h.written != nil {
		h.Records = append(h.Records[:len(h.Records):len(h.Records)], h.written()...)
	}
	return h.History.States(ctx, partition, from, take)
}

// written are states that are there by now.
type written struct {
	states atomic.Pointer[[]*kafka.Record]
}

func (w *written) set(states []*kafka.Record) { w.states.Store(&states) }

func (w *written) get() []*kafka.Record {
	if states := w.states.Load(); states != nil {
		return *states
	}
	return nil
}

// A worker that lost its partition may continue with a state in flight.
func TestStateOverwrittenByAnEarlierOwnerIsRewritten(t *testing.T) {
	state := func(sku string, offset int64) *kafka.Record {
		e := event(sku, offset, 5)
		s := schemas.State{Key: e.Key, Newest: e, Finished: schemas.RecordOf(e, schemas.Successfully)}
		return &kafka.Record{Key: []byte(e.Key.String()), Value: schemastest.AppendState(nil, &s), Headers: []kafka.Header{{Key: "owner", Value: []byte("an earlier one")}}}
	}
	cases := map[string]struct {
		// late is what came among the states, after those of the owner itself.
		late []*kafka.Record
		// again is whether the owner's is written again.
		again bool
	}{
		"it knows the same":               {nil, false},
		"it knows less":                   {[]*kafka.Record{state("a", 1)}, true},
		"of a version without names":      {[]*kafka.Record{{Key: state("a", 1).Key, Value: state("a", 1).Value}}, true},
		"it cannot be read":               {[]*kafka.Record{{Key: state("a", 1).Key, Value: []byte("?")}}, true},
		"it knows of as new an event":     {[]*kafka.Record{state("a", 2)}, true},
		"it knows more":                   {[]*kafka.Record{state("a", 3)}, false},
		"of a store SKU that is not ours": {[]*kafka.Record{state("b", 1)}, false},
		"it was taken back":               {[]*kafka.Record{state("a", 1), {Key: state("a", 1).Key}}, false},
		"the name of an owner":            {[]*kafka.Record{{Key: []byte("~owner"), Value: []byte("x")}}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var written written
				b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{written: written.get})
				b.push(event("a", 2, 5))
				pause(time.Second)
				require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
				require.Len(t, b.log.states, 1)
				own := b.log.states[0]
				same := &kafka.Record{Key: own.Key, Value: own.Value}
				written.set(append([]*kafka.Record{own, same}, c.late...))
				pause(3 * time.Minute)
				if !c.again {
					require.Len(t, b.log.states, 1)
				} else {
					require.Len(t, b.log.states, 2, "once")
					require.Equal(t, int64(2), b.log.lastState().Finished.Position.Offset)
				}
				b.finish()
				b.allResolved()
			})
		})
	}
}

// Most states that are read again are the owner's own; those are skipped.
func TestOwnerRecognizesItsOwnStates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var written written
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{
			change: func(c *channeltest.Settings) { c.RereadStates = time.Second }, written: written.get,
		})
		b.push(event("a", 1, 5))
		pause(100 * time.Millisecond)
		b.push(event("a", 2, 6))
		pause(100 * time.Millisecond)
		written.set(b.log.states[:1:1])
		pause(time.Minute)
		require.Len(t, b.log.states, 2, "the first is older than what the owner knows, and its own")
		b.finish()
	})
}
