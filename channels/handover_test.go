package channels_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

var modelA = channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}

// lostFirst is a marketplace that never answers the first n calls; they may land later.
func lostFirst(n int) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, i int, call channels.Call) *channels.Answer {
		if i >= n {
			return nil
		}
		return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, true)
	})
}

func (l *log) lastState() schemas.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := schemas.DecodeState(l.states[len(l.states)-1].Value)
	if err != nil {
		panic(err)
	}
	return s
}

func TestAReadBackThatWasDueIsMadeByTheNextOwnerWithoutAnyCommand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := lostFirst(1)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 5))
		pause(5 * time.Second)
		require.Equal(t, schemas.Successfully, first.statusOf("a@1"))
		first.finish()
		memory.Set(modelA, 9)
		second := newBench(t.Context(), t, memory, options{states: first.log.states})
		pause(time.Minute)
		require.Equal(t, int64(5), memory.Stock(modelA))
		require.Nil(t, second.log.lastState().Readback)
		second.finish()
	})
}

func TestALostRequestOfASkippedPushIsStillOwedAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := lostFirst(1)
		ctx, crash := context.WithCancel(t.Context())
		first := newBench(ctx, t, memory, options{change: func(c *channels.Config) { c.ShopRate = 0.01 }})
		first.push(event("a", 1, 5))
		pause(50 * time.Millisecond)
		first.push(event("a", 2, 9))
		require.Equal(t, schemas.Skipped, first.statusOf("a@1"))
		crash()
		second := newBench(t.Context(), t, memory, options{states: first.log.states, first: 1, inheritedBelow: 2})
		second.push(event("a", 2, 9))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
		memory.Set(modelA, 5)
		pause(time.Minute)
		require.Equal(t, int64(9), memory.Stock(modelA))
		second.finish()
	})
}

func TestNothingIsSentBeforeTheWholeBacklogIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{inheritedBelow: 2})
		b.push(event("a", 1, 1))
		pause(time.Minute)
		require.Empty(t, b.memory.Calls(), "the earlier owner may have sent the next one")
		b.push(event("a", 2, 2))
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Equal(t, schemas.Skipped, b.statusOf("a@1"))
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.finish()
		b.allResolved()
	})
}

func TestALateStateOfAnEarlierOwnerCountsForNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1))
		pause(time.Second)
		first.push(event("a", 2, 2))
		pause(time.Second)
		first.finish()
		late := []*stream.Record{first.log.states[1], first.log.states[0]}
		second := newBench(t.Context(), t, memory, options{states: late})
		repeat := event("a", 3, 1)
		repeat.Reason, repeat.RepeatsOffset = schemas.PushNow, 1
		second.push(repeat)
		pause(time.Second)
		require.Equal(t, schemas.Skipped, second.statusOf("a@3"), "a@2 made old what it repeats")
		require.Equal(t, "a@2", second.log.lastState().Newest.EventID, "the right state is the last one again")
		second.finish()
	})
}
