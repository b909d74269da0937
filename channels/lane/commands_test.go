package lane_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

func TestDuplicateCommandIsSettledWithThePush(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	require.Empty(t, s.offer("a", 1, event(1)), "it waits")
	c := s.push()
	require.Empty(t, s.offer("a", 1, event(1)), "it is in flight")
	require.Equal(t, []string{"a e1 Successfully 1, state, settles [1 2 3]"}, s.confirm(c))
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestDuplicateCommandIsSettledWithTheSkip(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.offer("a", 1, event(1))
	require.Equal(t, []string{"a e1 Skipped by e3, settles [1 2]"}, s.offer("a", 2))
}

func TestFinishedCommandIsAnsweredWithItsRecord(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.confirm(s.push())
	record := s.result.Outcomes[0].Record
	require.Equal(t, []string{"a e1 Successfully 1, settles [2]"}, s.offer("a", 1, event(1)))
	require.Equal(t, record, s.result.Outcomes[0].Record)
	require.Zero(t, s.result.Outcomes[0].Status, "the event ended before")
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestOlderCommandIsSuperseded(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.offer("a", 2)
	require.Equal(t, []string{"a e1 Skipped by e2, settles [3]"}, s.offer("a", 1, event(1)), "by what waits")
	s.confirm(s.push())
	s.wait(time.Second)
	queued := s.now.Add(-time.Minute)
	require.Equal(t, []string{"a e1 Skipped by e2, settles [4]"}, s.offer("a", 1, event(1), queuedAt(queued)), "by what was pushed")
	r := recordOf(&s.result.Outcomes[0])
	require.Equal(t, []time.Time{queued, s.now}, []time.Time{r.QueuedAt, r.FinishedAt})
	require.Equal(t, int64(2), r.SupersededByOffset)
}

func TestRepeatLosesToNews(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), refused(schemas.ItemNotFound))
	s.offer("a", 2)
	require.Equal(t, []string{"a e3 Skipped by e2, settles [3]"}, s.offer("a", 1, repeats(1)))
	require.Equal(t, []string{"a e2 Successfully 2, state, settles [2]"}, s.confirm(s.push()))
	require.Equal(t, []string{"a e4 Skipped by e2, settles [4]"}, s.offer("a", 1, repeats(1)), "also when the news was pushed")
}

func TestRepeatOfTheNewestIsPushed(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), refused(schemas.ItemNotFound))
	require.Empty(t, s.offer("a", 1, repeats(1)))
	require.Equal(t, []string{"a e3 Skipped by e2, settles [3]"}, s.offer("a", 1, repeats(1)), "one repeat is enough")
	require.Equal(t, []string{"a e2 Successfully 1, state, settles [2]"}, s.confirm(s.push()))
}

func TestSkipByARepeatIsSaved(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	require.Equal(t, []string{"a e1 Skipped by e2, state, settles [1]"}, s.offer("a", 1, repeats(1)),
		"a repeat that is still to come is judged by whether it was news")
	require.Equal(t, []string{"a e2 Skipped by e3, settles [2]"}, s.offer("a", 2))
}

// restored is a shop whose lane restored the states of another, without its pushes.
func restored(t *testing.T, from *shop, change ...func(*lane.Config)) *shop {
	s := newShop(t, change...)
	s.now, s.offset = from.now, from.offset
	for old := range from.lane.SKUs() {
		name := old.Key.StoreSKU
		state, err := wire.SplitState(old.Encode())
		require.NoError(t, err)
		s.sku(name).Restore(&state)
		s.lane.Restore(s.sku(name), s.now)
	}
	return s
}

func TestInheritedCommandThatMayHaveBeenSentIsReadBack(t *testing.T) {
	s := newShop(t)
	s.offer("a", 5)
	s.confirm(s.push())
	s = restored(t, s)
	require.Empty(t, s.offer("a", 1, maybeSent))
	require.Equal(t, []string{"a e2 Skipped by e3, state, settles [2]"}, s.offer("a", 3, maybeSent))
	require.Equal(t, []int64{1, 3}, s.sku("a").Readback.Lost)
	require.False(t, s.sku("a").Unsaved)
	require.Equal(t, []string{"a e3 Successfully 3, state, settles [3]"}, s.confirm(s.push()))
	require.Equal(t, confirmAfter-linger, s.wake())
	s.wait(confirmAfter)
	require.Empty(t, s.read(s.start(lane.Readback), shows(0, 1)), "the lost request was applied last")
	require.Equal(t, 1, s.result.Repairs)
	require.Equal(t, []channels.Line{{Qty: 3}}, s.start(lane.Push).Lines)
}

func TestInheritedCommandThatWasFinishedIsNotReadBack(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.confirm(s.push())
	s.offer("a", 2)
	s.confirm(s.push())
	s = restored(t, s)
	s.offer("a", 1, event(1), maybeSent)
	s.offer("a", 2, event(2), maybeSent)
	require.Nil(t, s.sku("a").Readback)
}

// An owner may write a state while a push is in flight, and end then.
func TestInheritedCommandThatMayHaveBeenSentBeforeANewerOneIsReadBack(t *testing.T) {
	s := newShop(t)
	s.offer("a", 9)
	s.confirm(s.push())
	s.offer("a", 1)
	s.push()
	s.offer("a", 3)
	s = restored(t, s)
	require.Equal(t, []string{"a e2 Skipped by e3, state, settles [4]"}, s.offer("a", 1, event(2), maybeSent))
	s.offer("a", 3, event(3), maybeSent)
	require.Equal(t, []int64{1, 3}, s.sku("a").Readback.Lost)
}

func TestUnsavedReadbacksAreMarked(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, maybeSent)
	s.offer("b", 1)
	require.True(t, s.sku("a").Unsaved)
	require.False(t, s.sku("b").Unsaved)
	s.confirm(s.push())
	require.False(t, s.sku("a").Unsaved)
}

func TestDuplicateOfThePushInFlightIsSettledWithIt(t *testing.T) {
	for name, step := range map[string]func(s *shop){
		"a newer one waits": func(*shop) {},
		"a newer one failed": func(s *shop) {
			s.offer("b", 1)
			s.wait(linger)
			s.refuse(banned)
		},
	} {
		s := newShop(t)
		s.offer("a", 1)
		c := s.push()
		s.offer("a", 2)
		step(s)
		require.Empty(t, s.offer("a", 1, event(1)), name)
		require.Equal(t, []string{"a e1 Successfully 1, state, settles [1 " + fmt.Sprint(s.offset) + "]"}, s.confirm(c), name)
	}
}

func TestInheritedCommandOfAnotherModelReplacesNoReadback(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), refused(schemas.RateLimited))
	s.offer("a", 1, repeats(1), of(9, 9))
	s = restored(t, s)
	s.offer("a", 1, event(2), repeats(1), of(9, 9), maybeSent)
	require.Equal(t, []string{"a e1 Skipped by e2, state, settles [4]"}, s.offer("a", 1, event(1), maybeSent))
	require.Equal(t, int64(9), s.sku("a").Readback.ItemID)
}
