package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

func TestPushStartsWhenItsLingerEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.push(event("a", 1, 5))
		pause(19 * time.Millisecond)
		require.Empty(t, b.memory.Calls())
		pause(time.Millisecond)
		require.Len(t, b.memory.Calls(), 1)
		b.finish()
	})
}

// A gauge that stays at what it was while pushes waited would page someone on a quiet night.
func TestWaitingGaugesComeToZeroWhenNothingWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		pause(2 * time.Second) // since the first look
		b.push(event("a", 1, 5))
		require.InDelta(t, 1, b.metric("stockpush_channels_waiting"), 0)
		pause(2 * time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Zero(t, b.metric("stockpush_channels_waiting"))
		require.Zero(t, b.metric("stockpush_channels_oldest_waiting_seconds"))
		b.finish()
	})
}

func TestModelsOfAnItemGoInOneCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.push(event("a", 1, 5), event("b", 2, 6))
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Len(t, b.memory.Calls()[0].Lines, 2)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		require.Equal(t, schemas.Successfully, b.statusOf("b@2"))
		b.finish()
		b.allResolved()
	})
}

// The outcomes of calls that ended while the worker was busy share a turn, and so messages.
func TestResultsOfConcurrentCallsShareATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const calls = 100 // more than a turn takes
		busy := sync.OnceFunc(func() { time.Sleep(time.Minute) })
		slow := func(context.Context, int, channels.Call) *channels.Answer { time.Sleep(time.Second); return nil }
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{
			recordPartitions: 1,
			refuses: func(r *kafka.Record) bool {
				if r.Topic == topics.Records() {
					busy()
				}
				return false
			},
			change: func(c *channeltest.Settings) { c.ShopConcurrency = calls },
		})
		var events []schemas.Event
		for i := range int64(calls) {
			e := event(fmt.Sprintf("a%d", i), i, 5)
			e.ItemID += i
			events = append(events, e)
		}
		b.push(events...)
		pause(2 * time.Minute)
		require.Len(t, b.memory.Calls(), calls)
		require.Len(t, b.log.records, calls)
		require.LessOrEqual(t, len(b.log.messages), 3)
		b.finish()
		b.allResolved()
	})
}

func TestNewerCommandReplacesTheWaitingOneAndWaitsForTheCallInFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(_ context.Context, n int, _ channels.Call) *channels.Answer {
			if n == 0 {
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{})
		b.push(event("a", 1, 1))
		pause(time.Second)
		b.push(event("a", 2, 2), event("a", 3, 3))
		pause(5 * time.Second)
		require.Equal(t, schemas.Skipped, b.statusOf("a@2"))
		require.Equal(t, "a@3", b.log.last()["a@2"].SupersededBy)
		require.Equal(t, int64(3), b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}))
		require.Len(t, b.memory.Calls(), 2)
		b.finish()
		b.allResolved()
	})
}

func TestOpenBreakerKeepsPushesPendingWhileNewerOnesReplaceThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var healed sync.Once
		up := make(chan struct{})
		down := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			select {
			case <-up:
				return nil
			default:
				return channeltest.All(call, channels.Verdict{Code: schemas.ChannelUnavailable}, true)
			}
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(down), options{})
		for i := range int64(20) {
			b.push(event("a", i+1, i+1))
			pause(10 * time.Second)
		}
		tried := len(b.memory.Calls())
		require.Less(t, tried, 60)
		healed.Do(func() { close(up) })
		pause(2 * time.Minute)
		for i := range int64(19) {
			require.Equal(t, schemas.Skipped, b.statusOf(fmt.Sprintf("a@%d", i+1)))
		}
		require.Equal(t, schemas.Successfully, b.statusOf("a@20"))
		b.finish()
		b.allResolved()
	})
}

// A busy shop's many successes do not hide that it died.
func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const succeed = 300
		dies := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n < succeed {
				return nil
			}
			return channeltest.All(call, channels.Verdict{Code: schemas.ChannelUnavailable}, true)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(dies), options{})
		for i := range int64(succeed) {
			e := event(fmt.Sprint("sku-", i), 1, i+1)
			e.ItemID = 1000 + i
			b.push(e)
		}
		pause(5 * time.Second)
		require.Len(t, b.memory.Calls(), succeed)
		for i := range int64(succeed) {
			e := event(fmt.Sprint("sku-", i), 2, succeed+i+1)
			e.ItemID = 1000 + i
			b.push(e)
		}
		pause(9 * time.Second) // less than open_for
		tried := len(b.memory.Calls()) - succeed
		require.GreaterOrEqual(t, tried, 10)
		require.LessOrEqual(t, tried, 14, "those in flight at the tenth failure end")
		b.crash()
	})
}

func TestTreatmentByFailureCode(t *testing.T) {
	cases := []struct {
		code  schemas.FailureCode
		scope channels.Scope
		want  schemas.Status
		calls int
	}{
		{schemas.ItemNotFound, channels.ScopeModel, schemas.Failed, 1},
		{schemas.BelowPromotionReserve, channels.ScopeModel, schemas.Failed, 1},
		{schemas.AuthorizationLost, channels.ScopeShop, schemas.Failed, 1},
		{schemas.UnknownFailure, channels.ScopeModel, schemas.Failed, 3},
		{schemas.RateLimited, channels.ScopeShop, schemas.Successfully, 2},
		{schemas.ChannelUnavailable, channels.ScopeModel, schemas.Successfully, 2},
	}
	for _, c := range cases {
		t.Run(string(c.code), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				refuse := func(_ context.Context, n int, call channels.Call) *channels.Answer {
					if n >= 1 && c.want == schemas.Successfully {
						return nil
					}
					return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: c.code, Scope: c.scope, Message: "no"}, false)
				}
				b := newBench(t.Context(), t, channeltest.NewMemory(refuse), options{})
				b.push(event("a", 1, 1))
				pause(30 * time.Second)
				require.Equal(t, c.want, b.statusOf("a@1"))
				require.Len(t, b.memory.Calls(), c.calls)
				if c.want == schemas.Failed {
					require.Equal(t, c.code, b.log.last()["a@1"].FailureCode)
				}
				b.finish()
				b.allResolved()
			})
		})
	}
}

func TestHeldShopFailsItsPushesAtOnceAndIsProbed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n >= 2 {
				return nil
			}
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(lost), options{})
		for i := range int64(10) {
			b.push(event("a", i+1, i+1))
			pause(time.Second)
			require.Equal(t, schemas.Failed, b.statusOf(fmt.Sprintf("a@%d", i+1)))
		}
		require.Len(t, b.memory.Calls(), 1)
		byHand := event("a", 11, 11)
		byHand.Reason = schemas.PushNow
		b.push(byHand)
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 2, "a push by hand is a probe")
		pause(2 * time.Minute)
		b.push(event("a", 12, 12))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@12"))
		b.finish()
		b.allResolved()
	})
}

func TestFinishedCommandsAreAnsweredAfterARestartWithoutACall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1), event("a", 4, 4))
		pause(time.Second)
		first.finish()
		require.Len(t, memory.Calls(), 1)
		second := newBench(t.Context(), t, memory, options{inheritedBelow: 2, states: first.log.states})
		second.push(event("a", 1, 1), event("a", 4, 4))
		repeat := event("a", 5, 1)
		repeat.Reason, repeat.RepeatsOffset = schemas.PushNow, 1
		second.push(repeat)
		pause(time.Minute)
		require.Len(t, memory.Calls(), 1)
		require.Equal(t, schemas.Successfully, second.statusOf("a@4"))
		require.Equal(t, "a@4", second.log.last()["a@1"].SupersededBy)
		require.Equal(t, schemas.Skipped, second.statusOf("a@5"), "it repeats what a@4 made old")
		second.finish()
		second.allResolved()
	})
}

// The state knows a waiting command, and is written when an older one is finished. A worker
// that ends then leaves a command that the state knows and that has no push.
func TestCommandKnownToAnEarlierWorkerIsPushed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(_ context.Context, n int, _ channels.Call) *channels.Answer {
			pause(time.Second)
			return nil
		}
		memory := channeltest.NewMemory(slow)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1))
		pause(100 * time.Millisecond)
		first.push(event("a", 2, 2)) // waits for the one in flight
		pause(time.Second)
		first.finish() // before its answer could include the second
		states := first.log.states[:1]
		second := newBench(t.Context(), t, memory, options{inheritedBelow: 2, states: states, first: 1})
		second.push(event("a", 2, 2), event("a", 2, 2))
		pause(time.Minute)
		require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
		require.NotZero(t, memory.Reads(), "it may have been in flight")
		second.finish()
		second.allResolved()
	})
}

func TestPausedShopKeepsItsPushes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.stage.Pause([]int64{1})
		b.push(event("a", 1, 1), event("a", 2, 2))
		pause(time.Hour)
		require.Empty(t, b.memory.Calls())
		require.Equal(t, schemas.Skipped, b.statusOf("a@1"))
		b.stage.Pause(nil)
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.finish()
	})
}

// Its push of the old item is in flight, and nothing tells the marketplace that the
// two items are one store SKU's.
func TestStoreSKUThatChangesItsItemWaitsForItsPushInFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(context.Context, int, channels.Call) *channels.Answer { time.Sleep(time.Second); return nil }
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{})
		b.push(event("a", 1, 5))
		pause(100 * time.Millisecond)
		moved, other := event("a", 2, 7), event("b", 3, 8)
		moved.ItemID, other.ItemID = 11, 11
		b.push(moved, other)
		pause(500 * time.Millisecond)
		require.Len(t, b.memory.Calls(), 2, "the other model of the new item does not wait")
		pause(time.Minute)
		require.Len(t, b.memory.Calls(), 3)
		for _, id := range []string{"a@1", "a@2", "b@3"} {
			require.Equal(t, schemas.Successfully, b.statusOf(id))
		}
		require.Equal(t, int64(7), b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 11, ModelID: 1}))
		b.finish()
		b.allResolved()
	})
}

// Of many store SKUs the records are fewer messages, each in its keys' partition.
func TestRecordsOfOnePartitionShareAMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{recordPartitions: 3})
		var events []schemas.Event
		for i := range int64(26) {
			events = append(events, event(string(rune('a'+i)), i+1, i))
		}
		b.push(events...)
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Len(t, b.log.messages, 3)
		for _, m := range b.log.messages {
			require.NoError(t, wire.DecodeRecords(m.Value, func(r *schemas.Record) error {
				require.Equal(t, schemas.PartitionFor(m.Key, 3), schemas.PartitionFor([]byte(r.Key.String()), 3))
				return nil
			}))
		}
		for _, e := range events {
			require.Equal(t, schemas.Successfully, b.statusOf(e.EventID))
		}
		b.finish()
		b.allResolved()
	})
}
