package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// refusing is a marketplace that answers the first n calls with a verdict.
func refusing(n int, v channels.Verdict, failure bool) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, i int, call channels.Call) *channels.Answer {
		if i >= n {
			return nil
		}
		return channeltest.All(call, v, failure)
	})
}

var outage = channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable, Message: "Our servers are busy."}

// progress returns the last reported progress of a store SKU; nil if none was reported.
func (l *log) progress(sku string) *schemas.Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last *schemas.Progress
	for _, r := range l.reports {
		if r.Progress != nil && r.StoreSKU == sku {
			last = r.Progress
		}
	}
	return last
}

// statuses returns the reported statuses of shop 1.
func (l *log) statuses() (all []schemas.ShopStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.reports {
		if r.Status != nil && r.Shop.ID == 1 {
			all = append(all, *r.Status)
		}
	}
	return all
}

func (l *log) status() schemas.ShopStatus {
	all := l.statuses()
	return all[len(all)-1]
}

func TestPendingPushThatWasTriedIsReportedWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, refusing(3, outage, false), options{})
		b.push(event("a", 1, 1))
		pause(1500 * time.Millisecond)
		got := b.log.progress("a")
		require.NotNil(t, got)
		require.Equal(t, schemas.Position{LogID: 1, Offset: 1}, got.Position)
		require.NotZero(t, got.Attempts)
		require.Equal(t, schemas.ChannelUnavailable, got.Code)
		require.Equal(t, outage.Message, got.Answer)
		require.False(t, got.Next.IsZero())
		pause(time.Minute)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		b.finish()
	})
}

func TestPushThatSucceedsAtOnceIsNotReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		for i := range int64(100) {
			b.push(event("a", i+1, i))
			pause(100 * time.Millisecond)
		}
		b.finish()
		require.Empty(t, b.log.reports)
		require.Len(t, b.log.claims, 1, "and its shop has no status")
	})
}

func TestOnlyTriedPushesOfAWaitingShopAreReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, refusing(1_000_000, outage, true), options{})
		var events []schemas.Event
		for i := range int64(2000) {
			e := event(fmt.Sprintf("a%d", i), i+1, i)
			e.ItemID = 10 + i
			events = append(events, e)
		}
		b.push(events...)
		pause(5 * time.Second)
		require.Less(t, len(b.log.reports), 100, "the breaker opened after a few calls")
		b.crash()
	})
}

func TestShopStatusIsReportedWhenItChanges(t *testing.T) {
	held := channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Message: "no consent", Scope: channels.ScopeShop}
	throttled := channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Message: "slow down", Scope: channels.ScopeShop}
	quota := func() channels.Verdict {
		return channels.Verdict{Outcome: channels.Refused, Code: schemas.DailyQuotaExhausted, Message: "no calls left", Scope: channels.ScopeApp, HoldUntil: time.Now().Add(time.Hour)}
	}
	cases := []struct {
		name    string
		channel func() *channeltest.Memory
		pause   bool
		want    schemas.ShopStatus
	}{
		{"held", func() *channeltest.Memory { return refusing(1, held, false) }, false,
			schemas.ShopStatus{State: schemas.ShopHeld, Code: held.Code, Message: held.Message}},
		{"throttled", func() *channeltest.Memory { return refusing(1, throttled, false) }, false,
			schemas.ShopStatus{State: schemas.ShopThrottled, Code: throttled.Code, Message: throttled.Message}},
		{"quota", func() *channeltest.Memory { return refusing(1, quota(), false) }, false,
			schemas.ShopStatus{State: schemas.ShopQuotaExhausted, Code: schemas.DailyQuotaExhausted, Message: "no calls left"}},
		{"breaker", func() *channeltest.Memory { return refusing(10, outage, true) }, false,
			schemas.ShopStatus{State: schemas.ShopBreakerOpen, Code: outage.Code, Message: outage.Message}},
		{"paused", func() *channeltest.Memory { return channeltest.NewMemory(nil) }, true, schemas.ShopStatus{State: schemas.ShopPaused}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t.Context(), t, c.channel(), options{change: func(s *channeltest.Settings) { s.Breaker.ConsecutiveFailures = 2 }})
				if c.pause {
					b.stage.Pause([]int64{1})
				}
				b.push(event("a", 1, 1))
				pause(4 * time.Second)
				got := b.log.statuses()[0]
				if c.name == "breaker" {
					got = b.log.status()
				}
				require.Equal(t, c.want.State, got.State)
				require.Equal(t, []any{c.want.Code, c.want.Message}, []any{got.Code, got.Message})
				require.False(t, got.Since.IsZero())
				shown := b.stopped()
				if c.want.State == schemas.ShopThrottled {
					require.Empty(t, shown)
				} else {
					require.Equal(t, map[string]float64{c.want.State.String() + " " + string(c.want.Code): float64(got.Since.UnixMilli()) / 1000}, shown)
				}
				b.stage.Pause(nil)
				pause(2 * time.Hour)
				require.Equal(t, schemas.ShopOK, b.log.status().State, "it ends, also if nothing else happens")
				require.Empty(t, b.stopped())
				b.finish()
			})
		})
	}
}

// A probe takes a call of the app's quota.
func TestHeldShopIsProbedAfterTheQuota(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ends := time.Now().Add(time.Hour)
		b := newBench(t.Context(), t, channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			if call.ShopID == 1 {
				return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
			}
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.DailyQuotaExhausted, Scope: channels.ScopeApp, HoldUntil: ends}, false)
		}), options{})
		b.push(event("a", 1, 1))
		pause(3 * time.Second)
		require.Equal(t, schemas.ShopHeld, b.log.status().State)
		require.True(t, b.log.status().Until.Before(ends))
		other := event("b", 2, 1)
		other.Key.ShopID = 2
		b.push(other)
		pause(3 * time.Second)
		require.Equal(t, schemas.ShopHeld, b.log.status().State)
		require.False(t, b.log.status().Until.Before(ends.Truncate(time.Millisecond)))
		b.crash()
	})
}

// A quota that one worker exhausts holds the shops of the others, which may have nothing to push.
func TestQuotaIsReportedByEveryWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := channeltest.Defaults().Pacer()
		idle := newBench(t.Context(), t, channeltest.NewMemory(nil), options{pacer: p})
		idle.push(event("a", 1, 1))
		pause(5 * time.Second)
		require.Empty(t, idle.log.statuses())
		quota := channels.Verdict{Outcome: channels.Refused, Code: schemas.DailyQuotaExhausted, Scope: channels.ScopeApp, HoldUntil: time.Now().Add(time.Hour)}
		busy := newBench(t.Context(), t, refusing(1, quota, false), options{pacer: p})
		busy.push(event("b", 1, 1))
		pause(3 * time.Second)
		require.Equal(t, schemas.ShopQuotaExhausted, idle.log.status().State)
		pause(2 * time.Hour)
		require.Equal(t, schemas.ShopOK, idle.log.status().State)
		busy.finish()
		idle.finish()
	})
}

func TestShopStatusSurvivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		first.stage.Pause([]int64{1})
		first.push(event("a", 1, 1))
		pause(time.Minute)
		first.crash()
		since := first.log.status().Since
		restored := statusMessages(first.log)
		require.Len(t, restored, 1)

		second := newBench(t.Context(), t, channeltest.NewMemory(nil), options{states: restored})
		second.stage.Pause([]int64{1})
		pause(time.Minute)
		require.Empty(t, second.log.statuses(), "nothing changed")
		second.stage.Pause(nil)
		pause(2 * time.Second)
		require.Equal(t, schemas.ShopOK, second.log.status().State)
		require.True(t, second.log.status().Since.After(since))
		second.finish()
	})
}

// Each owner has a new breaker and new limits; since when a shop has been stopped stays.
func TestStoppedShopStaysStoppedUntilACallShowsOtherwise(t *testing.T) {
	quota := channels.Verdict{Outcome: channels.Refused, Code: schemas.DailyQuotaExhausted, Message: "no calls left", Scope: channels.ScopeApp}
	for _, c := range []struct {
		name    string
		verdict func() channels.Verdict
		failure bool
		want    schemas.ShopState
	}{
		{"outage", func() channels.Verdict { return outage }, true, schemas.ShopBreakerOpen},
		{"quota", func() channels.Verdict { quota.HoldUntil = time.Now().Add(time.Hour); return quota }, false, schemas.ShopQuotaExhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				breaker := func(s *channeltest.Settings) { s.Breaker.ConsecutiveFailures = 3 }
				first := newBench(t.Context(), t, refusing(100, c.verdict(), c.failure), options{change: breaker})
				first.push(event("a", 1, 1))
				pause(time.Minute)
				first.crash()
				before := first.log.status()
				require.Equal(t, c.want, before.State)

				second := newBench(t.Context(), t, refusing(4, c.verdict(), c.failure), options{change: breaker, states: statusMessages(first.log)})
				pause(10 * time.Second)
				require.Empty(t, second.log.statuses(), "nothing was called")
				second.push(event("a", 1, 1))
				pause(2 * time.Hour)
				all := second.log.statuses()
				for _, s := range all[:len(all)-1] {
					require.Equal(t, []any{c.want, before.Since}, []any{s.State, s.Since})
				}
				require.Equal(t, schemas.ShopOK, all[len(all)-1].State)
				second.finish()
			})
		})
	}
}

func TestLaterOwnersReportsAreNewer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old := newBench(t.Context(), t, refusing(100, outage, false), options{})
		old.push(event("a", 1, 1))
		pause(2 * time.Second)
		old.crash()
		next := newBench(t.Context(), t, refusing(100, outage, false), options{states: old.log.claims})
		next.push(event("a", 1, 1))
		pause(2 * time.Second)
		next.crash()
		require.Greater(t, next.log.reports[0].Version.Epoch, old.log.reports[len(old.log.reports)-1].Version.Epoch)
	})
}

// statusMessages returns the shops' statuses in the state topic.
func statusMessages(l *log) (all []*kafka.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.claims {
		if strings.HasPrefix(string(r.Key), "~shop/") {
			all = append(all, r)
		}
	}
	return all
}

func TestPausedShopIsNotTheOldestWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.stage.Pause([]int64{1})
		b.push(event("a", 1, 1))
		pause(time.Hour)
		require.Zero(t, b.metric("stockpush_channels_oldest_waiting_seconds"))
		require.InDelta(t, 1, b.metric("stockpush_channels_waiting"), 0)
		require.InDelta(t, 1, b.metric("stockpush_channels_paused_waiting"), 0)
		b.stage.Pause(nil)
		pause(time.Second)
		b.finish()
	})
}

func TestLogNamesTheShopWhenItsBreakerOpensAndCloses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var lines bytes.Buffer
		b := newBench(t.Context(), t, refusing(2, outage, true), options{
			log: slog.NewTextHandler(&lines, nil), change: func(s *channeltest.Settings) { s.Breaker.ConsecutiveFailures = 2 },
		})
		b.push(event("a", 1, 1))
		pause(time.Minute)
		b.stage.Pause([]int64{1})
		b.stage.Pause(nil)
		b.finish()
		for _, line := range []string{
			`msg="breaker opened" shop_id=1`, `msg="breaker closed, shop reachable again" shop_id=1`, `msg="shop paused" shop_id=1`, `msg="shop no longer paused" shop_id=1`,
		} {
			require.Equal(t, 1, strings.Count(lines.String(), line), line)
		}
	})
}

// stopped returns the metric's series of shop 1 by state and failure code.
func (b *bench) stopped() map[string]float64 {
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	shown := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "stockpush_channels_shop_stopped_since_timestamp_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			require.Equal(b.t, "1", labels["shop_id"])
			shown[labels["state"]+" "+labels["failure_code"]] = m.GetGauge().GetValue()
		}
	}
	return shown
}
