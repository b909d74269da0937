package pacer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/pacer"
)

// takes asks for a call until it is allowed, and returns how long that took.
func takes(p *pacer.Pacer, turn *pacer.Turn) time.Duration {
	began := time.Now()
	for {
		ok, wake := p.Take(turn)
		if ok {
			return time.Since(began)
		}
		time.Sleep(time.Until(wake))
	}
}

func refused(t *testing.T, p *pacer.Pacer, turn *pacer.Turn) (wait time.Duration) {
	ok, wake := p.Take(turn)
	require.False(t, ok)
	return time.Until(wake)
}

func allowed(t *testing.T, p *pacer.Pacer, turn *pacer.Turn) {
	ok, at := p.Take(turn)
	require.True(t, ok)
	require.Equal(t, time.Now(), at)
}

// bubble runs a test whose time passes at once.
func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

func TestShopCallsAtItsRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(5, 1000)
		a, again := p.Turn(1), p.Turn(1)
		allowed(t, p, a)
		require.Equal(t, 198*time.Millisecond, refused(t, p, again), "a shop has one rate, whatever its turns")
		allowed(t, p, p.Turn(2))
		require.Equal(t, 198*time.Millisecond, takes(p, again))
	})
}

func TestRatesChangeForShopsAndApp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1, 1000)
		a := p.Turn(1)
		allowed(t, p, a)
		p.SetRates(10, 1000)
		takes(p, a)
		require.Equal(t, 100*time.Millisecond, refused(t, p, a))
		p.Throttle(a, pacer.Throttling{}, time.Now())
		p.SetRates(20, 4)
		require.Equal(t, 1, p.Look(time.Now()).SlowedShops, "what throttling lowered stays lowered")
		require.InDelta(t, 4, p.Look(time.Now()).AppRate, 0)
		allowed(t, p, p.Turn(2))
		require.Greater(t, refused(t, p, p.Turn(3)), 200*time.Millisecond)
	})
}

func TestShopsShareTheAppRateInTheOrderOfTheirTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 10)
		a, b, c := p.Turn(1), p.Turn(2), p.Turn(3)
		allowed(t, p, a)
		require.Equal(t, 98*time.Millisecond, refused(t, p, b))
		require.Equal(t, 198*time.Millisecond, refused(t, p, c), "one interval for b")
		time.Sleep(98 * time.Millisecond)
		require.Positive(t, refused(t, p, c), "b is first")
		allowed(t, p, b)
		require.Equal(t, 100*time.Millisecond, takes(p, c))
	})
}

func TestTurnWaitsAnIntervalForEachTurnBeforeIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 25)
		allowed(t, p, p.Turn(1))
		for shop := range time.Duration(3) {
			require.Equal(t, (38+shop*40)*time.Millisecond, refused(t, p, p.Turn(10+int64(shop))))
		}
	})
}

func TestTurnThatTakesNoCallLosesItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 10)
		a, late, b, c := p.Turn(1), p.Turn(2), p.Turn(3), p.Turn(4)
		allowed(t, p, a)
		refused(t, p, late)
		refused(t, p, b)
		refused(t, p, c)
		time.Sleep(98*time.Millisecond + 5*time.Millisecond - 1)
		refused(t, p, b)
		time.Sleep(time.Nanosecond)
		require.Positive(t, refused(t, p, c), "b has as long")
		allowed(t, p, b)
	})
}

func TestLeavingTurnsMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 10)
		a, b, c := p.Turn(1), p.Turn(2), p.Turn(3)
		allowed(t, p, a)
		refused(t, p, b)
		refused(t, p, c)
		p.Leave(b)
		p.Leave(b)
		require.Equal(t, 98*time.Millisecond, refused(t, p, c))
		time.Sleep(98 * time.Millisecond)
		allowed(t, p, c)
	})
}

func TestTurnThatWaitsLongAsksAgainSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 10)
		allowed(t, p, p.Turn(1))
		for shop := range int64(50) {
			require.LessOrEqual(t, refused(t, p, p.Turn(10+shop)), 198*time.Millisecond, "at most 100 ms after the next call")
		}
		last := p.Turn(99)
		time.Sleep(98 * time.Millisecond)
		require.GreaterOrEqual(t, refused(t, p, last), time.Millisecond)
	})
}

func TestShopAtItsRateHoldsNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1, 10)
		a, b := p.Turn(1), p.Turn(2)
		allowed(t, p, a)
		refused(t, p, a)
		time.Sleep(98 * time.Millisecond)
		allowed(t, p, b)
	})
}

func TestNestedCallPrecedesPushes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(1000, 10)
		allowed(t, p, p.Turn(1))
		push, own := p.Turn(2), p.Turn(3)
		refused(t, p, push)
		waited := make(chan time.Duration)
		began := time.Now()
		go func() {
			if p.Wait(t.Context(), 3) == nil {
				waited <- time.Since(began)
			}
		}()
		synctest.Wait()
		require.Equal(t, 198*time.Millisecond, refused(t, p, push), "one interval for the nested call")
		require.Equal(t, 5*time.Millisecond, refused(t, p, own), "a shop's push waits for its nested call")
		require.Equal(t, 98*time.Millisecond, <-waited)
		require.Equal(t, 100*time.Millisecond, takes(p, push))
		require.Equal(t, 100*time.Millisecond, takes(p, own), "the nested call is over")
	})
}

func TestPushWaitsAnIntervalForItsNestedCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(10, 1)
		allowed(t, p, p.Turn(1))
		done := make(chan error)
		go func() { done <- p.Wait(t.Context(), 3) }()
		synctest.Wait()
		require.Equal(t, 100*time.Millisecond, refused(t, p, p.Turn(3)))
		require.NoError(t, <-done)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(0.01, 10)
		require.NoError(t, p.Wait(t.Context(), 1))
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorContains(t, p.Wait(short, 1), "no call in time")
		require.Equal(t, began, time.Now(), "it is known at once")
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		require.ErrorIs(t, p.Wait(gone, 1), context.Canceled)
		require.Equal(t, time.Second, time.Since(began))
		enough, cancelEnough := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancelEnough()
		require.NoError(t, p.Wait(enough, 1))
		require.Equal(t, 100*time.Second-2*time.Millisecond, time.Since(began))
	})
}

func TestThrottledShopPauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(5, 20)
		a, b := p.Turn(1), p.Turn(2)
		require.False(t, p.Throttle(a, pacer.Throttling{}, time.Now()))
		require.Equal(t, time.Second, refused(t, p, a), "no time was given")
		allowed(t, p, b)
		seen := p.Look(time.Now())
		require.Equal(t, pacer.Snapshot{AppRate: 20, AppShare: 1, SlowedShops: 1}, seen)
		p.Throttle(a, pacer.Throttling{Until: time.Now().Add(time.Hour)}, time.Now())
		require.Equal(t, time.Hour, refused(t, p, a))
	})
}

func TestThrottlingOfTheApp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := pacer.New(5, 20)
		a := p.Turn(1)
		now := time.Now()
		require.False(t, p.Throttle(a, pacer.Throttling{App: true, Until: now.Add(time.Minute)}, now), "a minute is not long")
		require.Equal(t, pacer.Snapshot{AppRate: 10, AppShare: 1, AppHeld: time.Minute}, p.Look(now))
		require.InDelta(t, float64(time.Minute), float64(refused(t, p, p.Turn(2))), float64(time.Millisecond))
		require.True(t, p.Throttle(a, pacer.Throttling{App: true, Quota: true, Until: now.Add(time.Hour)}, now), "held for long")
		require.False(t, p.Throttle(a, pacer.Throttling{App: true, Quota: true, Until: now.Add(time.Hour)}, now), "it was held before")
		require.Equal(t, time.Hour, p.Look(now).AppHeld)
		require.InDelta(t, 10, p.Look(now).AppRate, 0.01, "a lower rate does not spare a quota")
		require.Zero(t, p.Look(now.Add(2*time.Hour)).AppHeld)
	})
}

func TestThrottlingOfTwoShopsIsTheApps(t *testing.T) {
	for name, tt := range map[string]struct {
		second int64
		after  time.Duration
		want   float64
	}{
		"soon": {2, 2*time.Second - 1, 10}, "later": {2, 2 * time.Second, 20}, "the same shop": {1, time.Second, 20},
	} {
		bubble(t, func(t *testing.T) {
			p := pacer.New(5, 20)
			now := time.Now()
			p.Throttle(p.Turn(1), pacer.Throttling{}, now)
			now = now.Add(tt.after)
			p.Throttle(p.Turn(tt.second), pacer.Throttling{}, now)
			require.InDelta(t, tt.want, p.Look(now).AppRate, 0.01, name)
		})
	}
}

func TestLimitIsWhatHoldsOrSlowsAShop(t *testing.T) {
	p, now := pacer.New(5, 20), time.Unix(1000, 0)
	a := p.Turn(1)
	limit := func(after time.Duration) pacer.Throttling {
		by, limited := p.Limit(a, now.Add(after))
		require.Equal(t, by != pacer.Throttling{}, limited)
		return by
	}
	require.Zero(t, limit(0))
	p.Throttle(a, pacer.Throttling{Message: "shop"}, now)
	require.Equal(t, pacer.Throttling{Until: now.Add(time.Second), Message: "shop"}, limit(time.Second-1))
	require.Equal(t, pacer.Throttling{Message: "shop"}, limit(time.Second), "it is slower")
	app := pacer.Throttling{App: true, Quota: true, Until: now.Add(10 * time.Second), Message: "app"}
	p.Throttle(a, app, now)
	require.Equal(t, app, limit(0), "the app's comes first")
	require.Equal(t, pacer.Throttling{Message: "shop"}, limit(10*time.Second))
	require.Zero(t, limit(time.Minute))
}
