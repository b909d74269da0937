package worker_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/schemas"
)

// eventOfItem is an event of a store SKU that is the only model of its item.
func eventOfItem(shop, item, offset, qty int64) schemas.Event {
	e := event("a", offset, qty)
	e.Key.ShopID, e.ItemID = shop, item
	e.Key.StoreSKU = fmt.Sprint("item-", item)
	e.EventID = fmt.Sprintf("%d/%s@%d", shop, e.Key.StoreSKU, offset)
	return e
}

// peak is the greatest of some values.
type peak[T cmp.Ordered] struct {
	mu    sync.Mutex
	value T
}

func (p *peak[T]) note(value T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = max(p.value, value)
}

func TestShopHasAsManyCallsInFlightAsConfigured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const concurrency, items = 3, 12
		var inFlight atomic.Int64
		var most peak[int64]
		slow := func(context.Context, int, channels.Call) *channels.Answer {
			most.note(inFlight.Add(1))
			time.Sleep(time.Second)
			inFlight.Add(-1)
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{change: func(c *channeltest.Settings) { c.ShopConcurrency = concurrency }})
		for item := range int64(items) {
			b.push(eventOfItem(1, 1+item, item, 5))
		}
		pause(time.Minute)
		require.EqualValues(t, concurrency, most.value)
		require.Len(t, b.memory.Calls(), items)
		b.finish()
		b.allResolved()
	})
}

func TestLingeringPushJoinsTheCallOfItsItem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.push(event("a", 1, 5))
		pause(15 * time.Millisecond)
		b.push(event("b", 2, 6))
		pause(10 * time.Millisecond)
		require.Len(t, b.memory.Calls(), 1)
		require.Len(t, b.memory.Calls()[0].Lines, 2)
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		b.finish()
		b.allResolved()
	})
}

// A state must stay small however long a marketplace leaves requests without an answer.
func TestStateKeepsTheNewestSixteenLostQuantities(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const lost, remembered = 40, 16
		neverAnswers := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(neverAnswers), options{})
		for i := range int64(lost) {
			b.push(event("a", i, 100+i))
			pause(100 * time.Millisecond)
		}
		b.finish()
		require.GreaterOrEqual(t, len(b.memory.Calls()), lost)
		var want []int64
		for i := int64(lost - remembered); i < lost; i++ {
			want = append(want, 100+i)
		}
		require.Equal(t, want, b.log.lastState().Readback.Lost)
	})
}

func TestHeldShopIsProbedAtOnceWhenItsCredentialsChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var authorized atomic.Bool
		lost := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			if authorized.Load() {
				return nil
			}
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(lost), options{change: func(c *channeltest.Settings) { c.ProbeInterval = time.Hour }})
		b.push(event("a", 1, 1))
		pause(time.Second)
		b.push(event("a", 2, 2))
		pause(time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@2"))
		require.Len(t, b.memory.Calls(), 1)
		authorized.Store(true)
		b.stage.CredentialsChanged(1)
		pause(5 * time.Second) // a shop is probed once in 5 s at most
		require.Equal(t, 1, b.memory.Reads(), "nothing waits, so the probe is a read")
		b.push(event("a", 3, 3))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@3"))
		b.finish()
		b.allResolved()
	})
}

// A token refresh delays a push that was started before: the shop's next push comes after it.
func TestNestedCallPrecedesTheNextPushOfItsShop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const interval, items = time.Second, 20
		pacer := pacer.New(1, 1000)
		var longest peak[time.Duration]
		refreshing := func(ctx context.Context, _ int, call channels.Call) *channels.Answer {
			began := time.Now()
			if pacer.Wait(ctx, call.ShopID) != nil {
				return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, false)
			}
			longest.note(time.Since(began))
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(refreshing), options{pacer: pacer})
		for item := range int64(items) {
			b.push(eventOfItem(1, 1+item, item, 5))
		}
		pause(time.Minute)
		require.Len(t, b.memory.Calls(), items)
		require.InDelta(t, interval, longest.value, float64(5*time.Millisecond), "no push took the shop's next call")
		b.finish()
		b.allResolved()
	})
}
