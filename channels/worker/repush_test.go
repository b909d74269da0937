package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// banning is a marketplace that refuses every push of every shop while it is set; reads pass.
func banning(banned *atomic.Bool) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
		if !banned.Load() {
			return nil
		}
		return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ShopRestricted, Scope: channels.ScopeShop}, false)
	})
}

// published are the events that the stage published since the last time, as the processor
// makes commands of them: with the offsets that follow.
func (b *bench) published(next int64) (events []schemas.Event) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	for _, r := range b.log.events {
		e, err := schemastest.DecodeEvent(r.Key, r.Value)
		require.NoError(b.t, err)
		e.Position = schemas.Position{LogID: 1, Partition: r.Partition, Offset: next + int64(len(events))}
		e.TriggeredAt = time.Now()
		events = append(events, e)
	}
	b.log.events = nil
	return events
}

// authorize gives shop 1 its authorization.
func (b *bench) authorize() {
	b.memory.GiveCredentials(1)
	b.stage.CredentialsChanged(1)
}

func TestWhatFailedWhileAShopWasHeldIsPushedAgainWhenItIsNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.memory.DropCredentials(1)
		first := event("a", 1, 5)
		first.MerchantSKU, first.PromotionReserved, first.Available = "m", 3, -2
		b.push(first, event("b", 2, 6), event("c", 3, 7))
		pause(time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@1"))
		pause(time.Hour)
		require.Empty(t, b.published(0), "it is held")
		b.authorize()
		pause(time.Second)
		trial := b.published(4)
		require.Len(t, trial, 1, "a read does not show that pushes pass")
		b.push(trial...)
		pause(time.Second)
		again := append(trial, b.published(5)...)
		require.Len(t, again, 3)
		b.push(again[1:]...)
		pause(time.Hour)
		require.Empty(t, b.published(0), "once")
		ids := map[string]bool{}
		for _, e := range again {
			ids[e.EventID] = true
			require.Equal(t, schemas.RefreshInventory, e.Reason)
			require.Empty(t, e.RetryOf)
			require.Equal(t, schemas.Successfully, b.statusOf(e.EventID))
			if e.Key == first.Key {
				require.Equal(t, int64(1), e.RepeatsOffset)
				require.Equal(t, "m", e.MerchantSKU)
				require.Equal(t, []int64{-2, 3}, []int64{e.Available, e.PromotionReserved})
			}
		}
		require.Len(t, ids, 3, "each has an id of its own")
		require.Equal(t, int64(3), b.memory.Stock(modelA))
		b.finish()
		b.allResolved()
	})
}

// The first owner ends while the shop is held, and authorization comes before, between or after.
func TestWhatFailedByAHoldIsPushedAgainAfterARestart(t *testing.T) {
	for _, authorizedLater := range []bool{false, true} {
		t.Run(fmt.Sprint("authorized later ", authorizedLater), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				memory := channeltest.NewMemory(nil)
				memory.DropCredentials(1)
				first := newBench(t.Context(), t, memory, options{})
				first.push(event("a", 1, 5), event("b", 2, 6))
				pause(time.Second)
				first.finish()
				if !authorizedLater {
					memory.GiveCredentials(1)
				}
				second := newBench(t.Context(), t, memory, first.left(options{first: 2}))
				pause(time.Minute)
				if authorizedLater {
					require.Empty(t, second.published(0))
					second.authorize()
					pause(time.Second)
				}
				trial := second.published(3)
				require.Len(t, trial, 1, "nothing waits, so a read is the probe")
				second.push(trial...)
				pause(time.Second)
				second.push(second.published(4)...)
				pause(time.Second)
				require.Equal(t, int64(5), memory.Stock(modelA))
				require.Equal(t, int64(6), memory.Stock(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 2}))
				second.finish()
				second.allResolved()
				third := newBench(t.Context(), t, memory, second.left(options{first: 4}))
				pause(time.Hour)
				require.Empty(t, third.published(0), "nothing fails any more")
				third.finish()
			})
		})
	}
}

func TestAPublishedRepeatThatIsRefusedHoldsTheShopAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var banned atomic.Bool
		banned.Store(true)
		b := newBench(t.Context(), t, banning(&banned), options{})
		b.push(event("a", 1, 5), event("b", 2, 6))
		offset := int64(3)
		for range 3 { // a read passes each minute, and the push after it is refused
			pause(time.Minute + time.Second)
			trial := b.published(offset)
			require.Len(t, trial, 1)
			b.push(trial...)
			offset++
			pause(time.Second)
			require.Equal(t, schemas.ShopRestricted, b.log.last()[trial[0].EventID].FailureCode)
			require.Empty(t, b.published(0))
		}
		banned.Store(false)
		pause(time.Minute + time.Second)
		for range 2 {
			again := b.published(offset)
			require.Len(t, again, 1)
			b.push(again...)
			offset++
			pause(time.Second)
			require.Equal(t, schemas.Successfully, b.statusOf(again[0].EventID))
		}
		require.Empty(t, b.published(0))
		b.finish()
		b.allResolved()
	})
}

func TestWhatHasNewsIsNotPushedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{change: func(c *channeltest.Settings) { c.BatchLinger = 2 * time.Second }})
		b.memory.DropCredentials(1)
		b.push(event("a", 1, 5))
		pause(5 * time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@1"))
		b.memory.DelayReads(time.Second)
		b.authorize()
		synctest.Wait() // the probe is in flight
		b.push(event("a", 2, 6))
		pause(time.Minute)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		require.Empty(t, b.published(0))
		b.finish()
	})
}

// Offsets of an earlier generation of the events topic name other events today.
func TestWhatFailedInAnEarlierLogIsNotPushedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.memory.DropCredentials(1)
		old := event("a", 1, 5)
		old.Position.LogID = 0
		b.push(old, event("b", 2, 6))
		pause(time.Second)
		b.authorize()
		pause(time.Second)
		b.push(event("c", 3, 7))
		pause(time.Second)
		again := b.published(4)
		require.Len(t, again, 1)
		require.Equal(t, "b", again[0].Key.StoreSKU)
		b.finish()
	})
}

// More events at once than a producer takes would make the worker wait.
func TestALargeShopIsPushedAgainInParts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const items, most = 3000, 500
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{change: func(c *channeltest.Settings) { c.ShopConcurrency = 100 }})
		b.memory.DropCredentials(1)
		var all []schemas.Event
		for i := range int64(items) {
			all = append(all, eventOfItem(1, 1+i, 1+i, 5))
		}
		b.push(all...)
		pause(time.Second)
		b.authorize()
		offset, again := int64(items+1), map[schemas.Key]bool{}
		for range 1000 {
			calls := len(b.memory.Calls())
			pause(10 * time.Millisecond)
			events := b.published(offset)
			require.LessOrEqual(t, len(events), most*max(1, len(b.memory.Calls())-calls), "for each answer")
			for _, e := range events {
				require.False(t, again[e.Key], "each once")
				again[e.Key] = true
			}
			offset += int64(len(events))
			if len(events) > 0 {
				b.push(events...)
			}
		}
		published, calls := len(again), len(b.memory.Calls())
		require.Equal(t, items, published)
		require.Equal(t, items, calls)
		b.finish()
		b.allResolved()
	})
}
