package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/schemas"
)

func TestUnauthorizedShopsUseNoneOfTheAppRate(t *testing.T) {
	const healthy, rate, seconds, firstStranger = 20, 20, 60, 1_000_000
	for _, strangers := range []int64{1500, 20_000} {
		t.Run(fmt.Sprint(strangers, " shops"), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSpread(t, 12, succeed, func(c *channeltest.Settings) { c.AppRate, c.ProbeInterval = rate, 10*time.Second })
				for shop := range strangers {
					s.memory.DropCredentials(firstStranger + shop)
					s.push(firstStranger+shop, 1)
				}
				began := time.Now()
				for shop := range int64(healthy) {
					s.push(1+shop, 2*rate*seconds/healthy) // more than the rate allows
				}
				s.reason = schemas.PushNow // a probe is due
				for time.Since(began) < seconds*time.Second {
					for shop := range strangers {
						s.push(firstStranger+shop, 1)
					}
					pause(seconds / 3 * time.Second)
				}
				calls := s.All()
				require.InDelta(t, rate*seconds, len(calls), rate)
				require.Less(t, calls[0].Sub(began), time.Second)
				for shop := range int64(healthy) {
					require.InDelta(t, rate*seconds/healthy, len(s.Of(1+shop)), 2)
				}
				s.finish()
			})
		})
	}
}

// They are known to the marketplace, so nothing but a probe tells when they take calls again.
func TestProbesOfManyHeldShopsLeaveMostOfTheRateToTheOthers(t *testing.T) {
	const healthy, rate, seconds, held, firstHeld = 20, 20, 120, 1500, 1_000_000
	bubble(t, func(t *testing.T) {
		s := newSpread(t, 12, succeed, func(c *channeltest.Settings) { c.AppRate = rate })
		for shop := range int64(held) {
			s.memory.Ban(firstHeld+shop, true)
			s.push(firstHeld+shop, 1)
		}
		pause(2 * time.Minute) // each was refused once by then
		began, probes := time.Now(), s.memory.Reads()
		for shop := range int64(healthy) {
			s.push(1+shop, 2*rate*seconds/healthy)
		}
		pause(seconds * time.Second)
		calls := s.All()
		require.GreaterOrEqual(t, len(calls), 3*rate*seconds/4-rate)
		require.Less(t, calls[0].Sub(began), time.Second)
		require.InDelta(t, rate*seconds/4, s.memory.Reads()-probes, rate, "and they are probed")
		s.memory.Ban(firstHeld, false)
		s.stage.CredentialsChanged(firstHeld)
		pause(5 * time.Second)
		s.push(firstHeld, 1)
		pause(5 * time.Second)
		require.Len(t, s.Of(firstHeld), 1, "whose credentials changed waits for no other probe")
		s.finish()
	})
}

// asked counts how often a channel is asked whether a shop is ready.
type asked struct {
	*channeltest.Memory
	times atomic.Int64
}

func (a *asked) Ready(shopID int64) (channels.Verdict, bool) {
	a.times.Add(1)
	return a.Memory.Ready(shopID)
}

func TestHeldShopIsSteppedOnlyWhenSomethingHappensToIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		channel := &asked{Memory: channeltest.NewMemory(nil)}
		channel.DropCredentials(1)
		b := newBench(t.Context(), t, channel.Memory, options{channel: channel})
		b.push(event("a", 1, 1))
		pause(time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@1"))
		require.Equal(t, schemas.AuthorizationLost, b.log.last()["a@1"].FailureCode)
		require.Zero(t, b.log.last()["a@1"].Attempts)
		before := channel.times.Load()
		pause(10*time.Minute - 30*time.Second)
		require.LessOrEqual(t, channel.times.Load()-before, int64(20), "once for each probe interval, not all the time")

		b.push(event("a", 2, 2))
		pause(time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@2"), "at once")
		require.Empty(t, channel.Calls())

		channel.GiveCredentials(1)
		b.stage.CredentialsChanged(2)
		pause(time.Second)
		require.Zero(t, channel.Reads(), "another shop's changed")
		b.stage.CredentialsChanged(1)
		pause(time.Second)
		require.Equal(t, 1, channel.Reads(), "the probe")
		b.push(event("a", 3, 3))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@3"))
		b.finish()
		b.allResolved()
	})
}

// A read-back needs the shop's authorization, too.
func TestReadbackOfAnUnauthorizedShopIsMadeAfterItsAuthorization(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		b.push(event("a", 1, 5))
		pause(5 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		b.memory.DropCredentials(1)
		pause(time.Hour)
		require.Zero(t, b.memory.Reads())
		b.memory.Set(modelA, 9) // what the lost request did
		b.memory.GiveCredentials(1)
		b.stage.CredentialsChanged(1)
		pause(time.Minute)
		require.Equal(t, int64(5), b.memory.Stock(modelA))
		b.finish()
		b.allResolved()
	})
}

func TestShopAuthorizedAfterItsFirstPushIsProbedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.memory.DropCredentials(1)
		b.push(event("a", 1, 1))
		pause(time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@1"))
		b.memory.GiveCredentials(1)
		b.stage.CredentialsChanged(1)
		pause(100 * time.Millisecond)
		require.Equal(t, 1, b.memory.Reads())
		b.finish()
	})
}

// refuseUntil is a marketplace whose shops have lost their authorization until it is given
// back, and that takes a second to answer.
func refuseUntil(authorized *atomic.Bool) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
		knew := authorized.Load()
		time.Sleep(time.Second)
		if knew {
			return nil
		}
		return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
	})
}

func TestCredentialsThatChangeDuringAProbeAreProbedAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var authorized atomic.Bool
		b := newBench(t.Context(), t, refuseUntil(&authorized), options{})
		b.push(event("a", 1, 1))
		pause(10 * time.Second)
		byHand := event("a", 2, 2)
		byHand.Reason = schemas.PushNow
		b.push(byHand)
		pause(500 * time.Millisecond) // the probe is in flight
		authorized.Store(true)
		b.stage.CredentialsChanged(1)
		pause(10 * time.Second)
		require.Equal(t, schemas.Failed, b.statusOf("a@2"), "it was sent with the earlier credentials")
		b.push(event("a", 3, 3))
		pause(2 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@3"), "another probe passed meanwhile")
		b.finish()
		b.allResolved()
	})
}

// refreshing is a channel that refuses every call after it refreshed the shop's tokens.
type refreshing struct {
	*channeltest.Memory
	changed func(shopID int64)
	calls   atomic.Int64
}

func (r *refreshing) refuse(shopID int64) channels.Verdict {
	r.calls.Add(1)
	r.changed(shopID)
	time.Sleep(time.Millisecond) // the worker knows of the change before it gets the answer
	return channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}
}

func (r *refreshing) Push(_ context.Context, call channels.Call) channels.Answer {
	return *channeltest.All(call, r.refuse(call.ShopID), false)
}

func (r *refreshing) Read(_ context.Context, shopID, _ int64) ([]channels.ModelStock, channels.Verdict) {
	return nil, r.refuse(shopID)
}

func TestProbeThatChangesTheCredentialsIsNotRepeatedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		channel := &refreshing{Memory: channeltest.NewMemory(nil)}
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{channel: channel})
		channel.changed = b.stage.CredentialsChanged
		b.push(event("a", 1, 1))
		pause(2 * time.Minute) // a probe is due after the first
		require.LessOrEqual(t, channel.calls.Load(), int64(2+60/5))
		require.GreaterOrEqual(t, channel.calls.Load(), int64(2))
		b.finish()
	})
}
