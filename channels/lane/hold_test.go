package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

var banned = shopRefused(schemas.ShopRestricted)

// held is a shop that is held since its push of the store SKU a was refused.
func held(t *testing.T, change ...func(*lane.Config)) *shop {
	s := newShop(t, change...)
	s.offer("a", 1)
	require.Equal(t, []string{"a e1 Failed shop_restricted, state, settles [1]"}, s.pushed(s.push(), banned))
	require.Equal(t, []lane.NoticeKind{lane.HoldBegan}, s.notices())
	require.Equal(t, banned, s.result.Notices[0].Verdict)
	return s
}

func (s *shop) isHeld() bool {
	_, held := s.lane.Held()
	return held
}

func (s *shop) failHeld() []string { return s.took(s.lane.FailHeld(s.now)) }

func (s *shop) refuse(v channels.Verdict) []string { return s.took(s.lane.Refuse(v, s.now)) }

func TestHeldShopFailsItsPushesWithoutACall(t *testing.T) {
	s := held(t)
	v, isHeld := s.lane.Held()
	require.True(t, isHeld)
	require.Equal(t, banned, v)
	s.offer("b", 2)
	s.offer("c", 3)
	require.ElementsMatch(t, []string{
		"b e2 Failed shop_restricted, state, settles [2]", "c e3 Failed shop_restricted, state, settles [3]",
	}, s.failHeld())
	require.Zero(t, recordOf(&s.result.Outcomes[0]).Attempts)
	require.Equal(t, "no", recordOf(&s.result.Outcomes[0]).FailureReason)
	require.Empty(t, s.failHeld())
}

func TestShopThatIsNotHeldFailsNothing(t *testing.T) {
	s := newShop(t)
	_, isHeld := s.lane.Held()
	require.False(t, isHeld)
	s.offer("a", 1)
	s.lane.Probe()
	require.Empty(t, s.failHeld())
	require.NotNil(t, s.push())
}

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

func TestHoldEndsWithAConfirmedProbe(t *testing.T) {
	s := held(t)
	s.offer("b", 2)
	s.failHeld()
	s.wait(probeInterval)
	s.offer("c", 3)
	s.confirm(s.start(lane.Push))
	require.False(t, s.isHeld())
	require.Equal(t, []lane.NoticeKind{lane.HoldEnded}, s.notices())
	require.ElementsMatch(t, []string{"a", "b"}, s.repushed())
	s.offer("d", 3)
	s.confirm(s.push())
	require.Empty(t, s.repushed(), "once")
}

func TestHoldEndsWithARefusalOfAModel(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	s.offer("c", 3)
	s.pushed(s.start(lane.Push), refused(schemas.ItemNotFound))
	require.False(t, s.isHeld())
}

func TestReadThatPassesPushesOneStoreSKUAgainAndAPushTheOthers(t *testing.T) {
	s := held(t)
	s.offer("b", 2)
	s.offer("c", 3)
	s.failHeld()
	s.wait(probeInterval)
	s.read(s.start(lane.ProbeRead), shows('a', 1))
	require.False(t, s.isHeld())
	first := s.repushed()
	require.Len(t, first, 1)
	s.offer(first[0], 1, repeats(s.sku(first[0]).Last.Offset))
	s.confirm(s.push())
	require.ElementsMatch(t, []string{"a", "b", "c"}, append(first, s.repushed()...))
}

// A refusal of one model shows that the shop takes pushes, so the next follows.
func TestRepushThatIsRefusedDoesNotEndThePushingAgain(t *testing.T) {
	s := held(t)
	s.offer("b", 2)
	s.offer("c", 3)
	s.failHeld()
	s.wait(probeInterval)
	s.read(s.start(lane.ProbeRead), shows('a', 1))
	all := s.repushed()
	for range 2 {
		name := all[len(all)-1]
		s.offer(name, 1, repeats(s.sku(name).Last.Offset))
		s.pushed(s.push(), refused(schemas.ItemNotFound))
		require.Len(t, s.repushed(), 1)
		all = append(all, s.repushed()...)
	}
	require.ElementsMatch(t, []string{"a", "b", "c"}, all)
}

func TestRepushThatHoldsTheShopAgainIsTheLast(t *testing.T) {
	s := held(t)
	s.offer("b", 2)
	s.failHeld()
	s.wait(probeInterval)
	s.read(s.start(lane.ProbeRead), shows('a', 1))
	name := s.repushed()[0]
	s.offer(name, 1, repeats(s.sku(name).Last.Offset))
	s.pushed(s.push(), banned)
	require.Empty(t, s.repushed())
	s.wait(probeInterval)
	s.offer("d", 3)
	s.confirm(s.start(lane.Push))
	require.ElementsMatch(t, []string{"a", "b"}, s.repushed())
}

func TestStoreSKUWithNewsIsNotPushedAgain(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	s.offer("b", 1)
	c := s.start(lane.Push)
	s.offer("a", 2)
	s.confirm(c)
	require.Empty(t, s.repushed())
}

func TestFailureOfTheModelIsNotPushedAgain(t *testing.T) {
	s := newShop(t)
	s.offer("b", 1)
	s.pushed(s.push(), refused(schemas.ShopRestricted))
	require.False(t, s.isHeld(), "what is said of a model holds no shop")
	s.offer("a", 1)
	s.pushed(s.push(), banned)
	s.wait(probeInterval)
	s.offer("c", 1)
	s.confirm(s.start(lane.Push))
	require.Equal(t, []string{"a"}, s.repushed())
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

func TestShopIsHeldWithoutACall(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.offer("b", 2)
	s.wait(linger)
	require.Equal(t, lane.Push, s.want())
	lost := shopRefused(schemas.AuthorizationLost)
	require.ElementsMatch(t, []string{
		"a e1 Failed authorization_lost, state, settles [1]", "b e2 Failed authorization_lost, state, settles [2]",
	}, s.refuse(lost))
	require.Equal(t, []lane.NoticeKind{lane.HoldBegan}, s.notices())
	require.Zero(t, s.lane.InFlight())
	require.Equal(t, probeInterval, s.wake())
	s.wait(probeInterval)
	require.Equal(t, lane.ProbeRead, s.want())
	require.Empty(t, s.refuse(lost))
	require.Equal(t, probeInterval, s.wake(), "a probe that is refused without a call is over")
	s.wait(time.Second)
	s.offer("a", 1, because(schemas.PushNow))
	s.wait(4 * time.Second)
	require.Equal(t, lane.Push, s.want())
	s.refuse(lost)
	require.Equal(t, probeInterval, s.wake())
	s.lane.Probe()
	s.read(s.start(lane.ProbeRead))
	require.Len(t, s.repushed(), 1)
}

func TestShopThatIsHeldAtAReadbackIsProbed(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, maybeSent)
	s.confirm(s.push())
	s.wait(confirmAfter)
	require.Equal(t, lane.Readback, s.want())
	s.refuse(shopRefused(schemas.AuthorizationLost))
	require.Equal(t, probeInterval, s.wake())
	s.wait(probeInterval)
	c := s.start(lane.ProbeRead)
	require.Equal(t, int64('a'), c.ItemID)
	s.read(c)
	require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 1)))
}

func TestReadbackThatRefusesTheShopHoldsIt(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, maybeSent)
	s.confirm(s.push())
	s.wait(confirmAfter)
	s.readFails(s.start(lane.Readback), banned)
	require.True(t, s.isHeld())
	s.wait(probeInterval)
	require.Equal(t, int64('a'), s.start(lane.ProbeRead).ItemID)
}

func TestRestoredHoldIsProbedAtOnce(t *testing.T) {
	s := held(t)
	s.offer("b", 2)
	s.failHeld()
	s = restored(t, s)
	v, isHeld := s.lane.Held()
	require.True(t, isHeld)
	require.Equal(t, banned, v)
	c := s.start(lane.ProbeRead)
	require.Contains(t, []int64{'a', 'b'}, c.ItemID)
	s.readFails(c, banned)
	require.Equal(t, probeInterval, s.wake())
	s.wait(probeInterval)
	s.offer("c", 3)
	s.confirm(s.start(lane.Push))
	require.ElementsMatch(t, []string{"a", "b"}, s.repushed(), "what failed before the restart")
}

func TestOtherFailuresRestoreNoHold(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), refused(schemas.ItemNotFound))
	s.offer("c", 1)
	s.pushed(s.push(), refused(schemas.ShopRestricted)) // this model is not allowed, the shop is
	s.offer("b", 1)
	s.confirm(s.push())
	s = restored(t, s)
	require.False(t, s.isHeld())
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestLaterStateReplacesARestoredOne(t *testing.T) {
	s := held(t)
	s.offer("b", 1, maybeSent)
	s = restored(t, s)
	require.True(t, s.isHeld())
	require.NotNil(t, s.sku("b").Readback)
	for _, name := range []string{"a", "b"} {
		s.sku(name).Restore(&schemas.PackedState{Key: s.sku(name).Key})
		s.lane.Restore(s.sku(name), s.now)
	}
	s.offer("c", 1)
	s.confirm(s.start(lane.Push))
	require.Empty(t, s.repushed())
	require.Empty(t, s.drain(), "no read-back is left")
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
