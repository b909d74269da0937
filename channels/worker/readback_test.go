package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/schemas"
)

// Nothing is unresolved then, and yet something waits.
func TestOverdueReadbackHasAnAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		const due = "stockpush_channels_oldest_readback_due_seconds"
		b.push(event("a", 1, 5))
		pause(2 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		b.allResolved()
		require.Zero(t, b.metric(due), "it is not due before confirm_after")
		b.stage.Pause([]int64{1})
		pause(5 * time.Minute)
		require.InDelta(t, 290, b.metric(due), 5)
		b.stage.Pause(nil)
		pause(time.Minute)
		require.NotZero(t, b.memory.Reads())
		require.Zero(t, b.metric(due))
		b.finish()
	})
}

func TestUnknownOutcomeIsReadBackAndRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		b.push(event("a", 1, 5))
		pause(50 * time.Millisecond)
		b.push(event("a", 2, 9))
		pause(5 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.memory.Set(model, 5) // the lost request is applied
		pause(time.Minute)
		require.Equal(t, int64(9), b.memory.Stock(model))
		b.finish()
		b.allResolved()
	})
}

// A lost call leaves several models to be read back; a read is of all of an item's.
func TestModelsOfAnItemAreReadBackTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		b.push(event("a", 1, 5), event("b", 2, 6), event("c", 3, 7))
		pause(5 * time.Second)
		for _, model := range []int64{1, 3} { // of two, what was there before shows again
			b.memory.Set(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: model}, 99)
		}
		pause(10 * time.Second)
		require.Equal(t, 1, b.memory.Reads())
		pause(time.Minute)
		require.Equal(t, 2, b.memory.Reads(), "what was repaired is read back again")
		for model, qty := range map[int64]int64{1: 5, 2: 6, 3: 7} {
			require.Equal(t, qty, b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: model}))
		}
		b.finish()
		b.allResolved()
	})
}

// Several requests are lost before any is read back, and an early one is applied last.
func TestEveryLostQuantityIsRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := lostFirst(2)
		b := newBench(t.Context(), t, m, options{})
		b.push(event("a", 1, 5))
		pause(100 * time.Millisecond) // lost
		b.push(event("a", 2, 6))
		pause(5 * time.Second) // lost, and repeated
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		m.Set(model, 5) // the first one is applied
		pause(time.Minute)
		require.Equal(t, int64(6), m.Stock(model))
		b.finish()
		b.allResolved()
	})
}

// A read that was asked for before another request was lost says nothing of that one.
func TestReadDoesNotConfirmARequestLostAfterItBegan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lose := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n == 0 || n == 2 {
				return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, false) // the breaker is not of interest here
			}
			return nil
		}
		m := channeltest.NewMemory(lose)
		m.DelayReads(10 * time.Second)
		b := newBench(t.Context(), t, m, options{})
		b.push(event("a", 1, 5)) // lost, and repeated
		pause(15 * time.Second)  // the read is in flight
		b.push(event("a", 2, 6)) // lost
		pause(100 * time.Millisecond)
		b.push(event("a", 3, 7))
		pause(7 * time.Second) // the read has seen the newest quantity
		require.Equal(t, 1, m.Reads())
		require.Equal(t, schemas.Successfully, b.statusOf("a@3"))
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		require.Equal(t, int64(7), m.Stock(model))
		m.Set(model, 6) // the lost request is applied
		pause(time.Minute)
		require.Equal(t, int64(7), m.Stock(model))
		b.finish()
		b.allResolved()
	})
}
