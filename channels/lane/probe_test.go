package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

func TestProbeIsTheOldestPush(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	s.offer("c", 3, queuedAt(s.now.Add(-1)))
	s.offer("b", 2)
	require.Empty(t, s.failHeld(), "the probe is due")
	c := s.start(lane.Push)
	require.Equal(t, int64('c'), c.ItemID, "the oldest, without lingering")
	s.offer("d", 4)
	require.Equal(t, time.Duration(-1), s.wake(), "one probe at a time")
	require.Empty(t, s.failHeld(), "what comes during a probe waits for it")
	require.Equal(t, []string{"c e2 Failed shop_restricted, state, settles [2]"}, s.pushed(c, banned))
	require.Empty(t, s.notices(), "it is held already")
	require.Len(t, s.failHeld(), 2)
	require.Equal(t, probeInterval, s.wake())
}

func TestProbeReadsIfNoPushWaits(t *testing.T) {
	s := held(t)
	require.Equal(t, probeInterval, s.wake())
	s.wait(probeInterval)
	c := s.start(lane.ProbeRead)
	require.Equal(t, int64('a'), c.ItemID)
	require.Empty(t, c.Lines)
	require.Empty(t, s.readFails(c, banned))
	require.True(t, s.isHeld())
	require.Equal(t, probeInterval, s.wake())
}

func TestProbeWaitsForTheCallInFlightOfWhatWaits(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.offer("b", 1)
	first, other := s.push(), s.push()
	s.pushed(first, banned)
	s.wait(probeInterval)
	s.offer("b", 2)
	require.Equal(t, time.Duration(-1), s.wake(), "the only push that waits is of an item in flight, and a read would not settle it")
	s.pushed(other, banned)
	require.Equal(t, lane.Push, s.want())
}

func TestPushNowProbesAtMostEveryFiveSeconds(t *testing.T) {
	s := held(t)
	s.wait(time.Second)
	s.offer("a", 1, because(schemas.PushNow))
	require.Len(t, s.failHeld(), 1)
	require.Equal(t, 4*time.Second, s.wake())
	s.wait(4 * time.Second)
	s.offer("a", 1, because(schemas.PushNow))
	require.Empty(t, s.failHeld(), "it is the probe")
	require.Equal(t, []string{"a e3 Failed shop_restricted, state, settles [3]"}, s.pushed(s.start(lane.Push), banned))
	require.Equal(t, probeInterval, s.wake(), "the request was met")
	s.wait(5*time.Second - 1)
	s.offer("a", 1)
	require.Len(t, s.failHeld(), 1)
	require.Equal(t, probeInterval-5*time.Second+1, s.wake(), "no other reason probes")
	s.wait(1)
	s.offer("a", 1, because(schemas.PushNow))
	require.NotNil(t, s.start(lane.Push))
}

func TestPushNowDoesNotDelayAProbe(t *testing.T) {
	s := held(t)
	s.wait(probeInterval - time.Second)
	s.readFails(s.startAfterProbe(), banned)
	s.wait(probeInterval - time.Second)
	s.offer("a", 1, because(schemas.PushNow))
	require.Equal(t, lane.Push, s.want())
	require.Empty(t, s.failHeld())
}

// startAfterProbe starts a read that a change of credentials asks for, as soon as it may.
func (s *shop) startAfterProbe() *lane.Call {
	s.lane.Probe()
	if s.want() == lane.Nothing {
		s.wait(s.wake())
	}
	return s.start(lane.ProbeRead)
}

func TestPushNowDuringAProbeProbesAgain(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	c := s.start(lane.ProbeRead)
	s.wait(time.Second)
	s.offer("a", 1, because(schemas.PushNow))
	s.readFails(c, banned)
	require.Len(t, s.failHeld(), 1)
	require.Equal(t, 4*time.Second, s.wake())
}

func TestChangedCredentialsProbeAtOnce(t *testing.T) {
	s := held(t)
	c := s.startAfterProbe()
	s.readFails(c, banned)
	require.Equal(t, probeInterval, s.wake())
}

func TestCredentialsThatChangeDuringAProbeProbeAgain(t *testing.T) {
	for name, v := range map[string]channels.Verdict{
		"refused": banned, "throttled": shopRefused(schemas.RateLimited), "failed": unknown(schemas.TimedOut),
	} {
		s := held(t)
		c := s.startAfterProbe()
		s.lane.Probe()
		require.Equal(t, time.Duration(-1), s.wake(), name)
		s.readFails(c, v)
		require.Equal(t, 5*time.Second, s.wake(), "%s: the probe itself may have refreshed them", name)
		s.wait(5 * time.Second)
		c = s.start(lane.ProbeRead)
		s.readFails(c, v)
		require.Equal(t, probeInterval, s.wake(), "%s: once", name)
	}
}

func TestNeutralProbeSaysNothingOfTheHold(t *testing.T) {
	for name, v := range map[string]channels.Verdict{
		"throttled": shopRefused(schemas.RateLimited), "unavailable": refused(schemas.ChannelUnavailable), "timed out": unknown(schemas.TimedOut),
	} {
		s := held(t)
		s.wait(probeInterval)
		s.offer("b", 2)
		require.Empty(t, s.pushed(s.start(lane.Push), v), name)
		require.True(t, s.isHeld(), name)
		require.Equal(t, []string{"b e2 Failed shop_restricted, state, settles [2]"}, s.failHeld(), name)
		require.Equal(t, probeInterval, s.wake(), name)
	}
}

// Calls that were in flight when the hold began are answered later.
func TestCallFromBeforeTheHoldIsNoProbe(t *testing.T) {
	s := newShop(t)
	for _, name := range []string{"a", "b", "c"} {
		s.offer(name, 1)
	}
	first, second, third := s.push(), s.push(), s.push()
	s.pushed(first, banned)
	probe := s.startAfterProbe()
	s.confirm(second)
	require.True(t, s.isHeld(), "it passed before the hold began")
	s.offer("d", 1, because(schemas.PushNow))
	s.pushed(third, shopRefused(schemas.AuthorizationLost))
	require.Equal(t, []lane.NoticeKind{lane.HoldBegan}, s.notices(), "for another reason")
	require.Empty(t, s.failHeld(), "what comes during a probe waits for it")
	require.Equal(t, time.Duration(-1), s.wake(), "one probe at a time")
	s.read(probe)
	require.False(t, s.isHeld())
	s.wait(linger)
	require.Equal(t, int64('d'), s.start(lane.Push).ItemID)
}

func TestRefusalFromBeforeDoesNotPutOffAProbe(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.offer("b", 1)
	first, second := s.push(), s.push()
	s.pushed(first, banned)
	s.wait(5 * time.Second)
	s.lane.Probe()
	s.pushed(second, banned)
	require.Equal(t, lane.ProbeRead, s.want())
}

func TestShopThatWasHeldWithoutACallIsProbedAtOnce(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.wait(linger)
	s.refuse(shopRefused(schemas.AuthorizationLost))
	s.lane.Probe()
	require.Equal(t, lane.ProbeRead, s.want())
}

func TestPostponedProbeLetsWhatWaitsFail(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	s.offer("b", 2)
	require.True(t, s.lane.RoutineProbe())
	s.lane.PostponeProbe(s.now.Add(time.Hour))
	require.Len(t, s.failHeld(), 1)
	require.Equal(t, time.Hour, s.wake())
	s.lane.Probe()
	require.False(t, s.lane.RoutineProbe(), "it was requested")
	require.Equal(t, lane.ProbeRead, s.want())
	s.read(s.start(lane.ProbeRead))
	require.False(t, s.lane.RoutineProbe(), "it is not held")
}
