package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
	"stockpush/schemas/wire"
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

func (s *shop) refuse(v channels.Verdict) []string {
	c, _ := s.lane.Next(s.now)
	return s.took(s.lane.Refuse(&c, v, s.now))
}

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

func TestNextProbeIsKnownUnlessOneIsInFlight(t *testing.T) {
	require.Zero(t, newShop(t).lane.NextProbe(), "it is not held")
	s := held(t)
	require.Equal(t, s.now.Add(probeInterval), s.lane.NextProbe())
	s.lane.Probe()
	require.Equal(t, s.now.Add(5*time.Second), s.lane.NextProbe())
	s.wait(5 * time.Second)
	s.start(lane.ProbeRead)
	require.Zero(t, s.lane.NextProbe())
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

func TestAnswerThatShowsNothingDoesNotEndTheHold(t *testing.T) {
	s := held(t)
	s.wait(probeInterval)
	s.readFails(s.start(lane.ProbeRead), unknown(schemas.UnknownFailure))
	require.True(t, s.isHeld())
	require.Empty(t, s.repushed())
	s.wait(probeInterval)
	s.read(s.start(lane.ProbeRead), shows('a', 1))
	require.False(t, s.isHeld())
}

// The older push was in flight when the shop was held and failed the newer one.
func TestAnOlderPushThatEndsLateDoesNotEndTheRepush(t *testing.T) {
	for name, late := range map[string]channels.Verdict{"confirmed": confirmed(1), "refused": refused(schemas.ItemNotFound)} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.offer("a", 1)
			older := s.push()
			s.offer("a", 2)
			s.offer("b", 3, of(8, 'b'))
			s.pushed(s.push(), banned)
			require.Equal(t, []string{"a e2 Failed shop_restricted, state, settles [2]"}, s.failHeld())
			s.pushed(older, late)
			s.wait(probeInterval)
			s.read(s.start(lane.ProbeRead), shows('a', 1))
			first := s.repushed()
			require.Len(t, first, 1)
			s.offer(first[0], 4, repeats(s.sku(first[0]).Last.Offset))
			s.confirm(s.push())
			require.ElementsMatch(t, []string{"a", "b"}, append(first, s.repushed()...))
		})
	}
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
		s.sku(name).Restore(&wire.PackedState{})
		s.lane.Restore(s.sku(name), s.now)
	}
	s.offer("c", 1)
	s.confirm(s.start(lane.Push))
	require.Empty(t, s.repushed())
	require.Empty(t, s.drain(), "no read-back is left")
}
