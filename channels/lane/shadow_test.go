package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

func shadow(c *lane.Config) { c.Shadow = true }

// shadowed is the verdict of a push in shadow mode.
func shadowed(qty int64) channels.Verdict {
	return channels.Verdict{Outcome: channels.Confirmed, Qty: qty, RequestID: schemas.ShadowRequestID, Shadow: true}
}

// pushInShadow pushes what waits in shadow mode.
func (s *shop) pushInShadow() {
	c := s.push()
	var verdicts []channels.Verdict
	for _, l := range c.Lines {
		verdicts = append(verdicts, shadowed(l.Qty))
	}
	s.pushed(c, verdicts...)
}

func TestShadowConfirmsNothing(t *testing.T) {
	s := newShop(t)
	s.offer("a", 5)
	s.confirm(s.push())
	s = restored(t, s, shadow)
	s.offer("a", 7)
	s.pushInShadow()
	r := recordOf(&s.result.Outcomes[0])
	require.Equal(t, schemas.Successfully, r.Status)
	require.Equal(t, "shadow", r.RequestID)
	require.Nil(t, r.AfterQty)
	require.Equal(t, int64(5), *r.BeforeQty)
	s.offer("a", 8)
	s.pushInShadow()
	require.Equal(t, int64(5), *recordOf(&s.result.Outcomes[0]).BeforeQty, "what Shopee confirmed last")
}

func TestWhatOnlyAShadowPushedIsPushedAgain(t *testing.T) {
	s := newShop(t, shadow)
	for _, name := range []string{"a", "b", "c"} {
		s.offer(name, 7)
		s.pushInShadow()
	}
	again := restored(t, s, shadow)
	again.took(again.lane.Resume())
	require.Empty(t, again.repushed(), "still in shadow mode")

	s = restored(t, again)
	s.took(s.lane.Resume())
	first := s.repushed()
	require.Len(t, first, 1, "one goes first")
	s.offer(first[0], 7, repeats(s.sku(first[0]).Last.Offset))
	s.confirm(s.push())
	require.ElementsMatch(t, []string{"a", "b", "c"}, append(first, s.repushed()...), "its success proves that the shop accepts pushes")
	s = restored(t, s)
	s.took(s.lane.Resume())
	require.Len(t, s.repushed(), 1, "after a restart the rest follows")
	require.False(t, s.sku(first[0]).Last.Shadow)
}

// A shadow's owner that was killed leaves commands that may have been sent, for all its successor
// knows. Nothing is compared in shadow mode, nor before the quantity was pushed.
func TestShadowIsNotReadBack(t *testing.T) {
	s := newShop(t, shadow)
	s.offer("a", 7, maybeSent)
	s.pushInShadow()
	s.wait(time.Hour)
	require.Empty(t, s.drain())
	s = restored(t, s)
	require.NotNil(t, s.sku("a").Readback)
	require.Empty(t, s.drain(), "what it shows is not what was pushed")
	s.offer("a", 7, repeats(s.sku("a").Last.Offset))
	s.confirm(s.push())
	s.wait(confirmAfter)
	require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 7)))
}

func TestLiveReadBackWaitsForTheEndOfShadowMode(t *testing.T) {
	s := newShop(t)
	s.offer("a", 7)
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.wait(time.Minute)
	s.confirm(s.start(lane.Push))
	s = restored(t, s, shadow)
	s.wait(time.Hour)
	require.Empty(t, s.drain())
	s = restored(t, s)
	require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 7)))
}
