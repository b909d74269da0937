package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/lane"
	"stockpush/schemas"
)

func (s *shop) pause(d time.Duration) {
	s.lane.SetPaused(true, s.now)
	s.wait(d / 2)
	s.lane.SetPaused(true, s.now)
	s.wait(d - d/2)
	s.lane.SetPaused(false, s.now)
	s.lane.SetPaused(false, s.now)
}

func TestPausedShopMakesNoCall(t *testing.T) {
	s := newShop(t)
	s.lane.SetPaused(true, s.now)
	s.offer("a", 1)
	s.wait(time.Hour)
	require.Equal(t, time.Duration(-1), s.wake())
	require.Equal(t, []string{"a e1 Skipped by e2, settles [1]"}, s.offer("a", 2), "pushes are still superseded")
	s.lane.SetPaused(false, s.now)
	require.Equal(t, []string{"a e2 Successfully 2, state, settles [2]"}, s.confirm(s.push()))
}

func TestPausedShopThatIsHeldFailsNothing(t *testing.T) {
	s := held(t)
	s.lane.SetPaused(true, s.now)
	s.offer("b", 1)
	require.Empty(t, s.failHeld())
	require.Equal(t, time.Duration(-1), s.wake())
	s.lane.SetPaused(false, s.now)
	require.Len(t, s.failHeld(), 1)
}

func TestPushesDoNotAgeWhileTheShopIsPaused(t *testing.T) {
	for name, tt := range map[string]struct {
		waits time.Duration
		final bool
	}{"young": {0, false}, "old": {1, true}} {
		s := newShop(t)
		s.pause(time.Hour)
		s.offer("a", 1)
		s.wait(time.Hour)
		s.pause(2 * maxPendingAge)
		s.pause(3 * time.Hour)
		s.wait(maxPendingAge - time.Hour + tt.waits)
		written := s.pushed(s.start(lane.Push), refused(schemas.RateLimited))
		require.Equal(t, tt.final, len(written) > 0, name)
	}
}

func TestPushThatArrivesInALaterPauseAgesFromItsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		waits time.Duration
		final bool
	}{"young": {0, false}, "old": {1, true}} {
		s := newShop(t)
		s.pause(time.Hour)
		s.lane.SetPaused(true, s.now)
		s.wait(time.Hour)
		s.offer("a", 1)
		s.wait(time.Hour)
		s.lane.SetPaused(false, s.now)
		s.wait(maxPendingAge + tt.waits)
		written := s.pushed(s.start(lane.Push), refused(schemas.RateLimited))
		require.Equal(t, tt.final, len(written) > 0, name)
	}
}

// How long an earlier owner's shop was paused is not known.
func TestInheritedPushOfAPausedShopAgesFromNow(t *testing.T) {
	for name, tt := range map[string]struct {
		paused bool
		change change
		final  bool
	}{
		"inherited, paused":     {true, inherited, false},
		"inherited, not paused": {false, inherited, true},
		"its own, paused":       {true, func(*lane.Command) {}, true},
	} {
		s := newShop(t)
		s.pause(time.Hour)
		s.lane.SetPaused(tt.paused, s.now)
		s.offer("a", 1, tt.change, queuedAt(s.now.Add(-maxPendingAge)))
		s.wait(maxPendingAge)
		s.lane.SetPaused(false, s.now)
		s.wait(linger)
		written := s.pushed(s.start(lane.Push), refused(schemas.RateLimited))
		require.Equal(t, tt.final, len(written) > 0, name)
	}
}

func TestInheritedPushOfAPausedShopBecomesTooOldToo(t *testing.T) {
	s := newShop(t)
	s.lane.SetPaused(true, s.now)
	s.offer("a", 1, inherited, queuedAt(s.now.Add(-time.Hour)))
	s.lane.SetPaused(false, s.now)
	s.wait(maxPendingAge + 1)
	require.Len(t, s.pushed(s.start(lane.Push), refused(schemas.RateLimited)), 1)
}
