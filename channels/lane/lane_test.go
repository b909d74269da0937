package lane_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

func TestNewestQuantityWinsWhileAPushWaits(t *testing.T) {
	s := newShop(t)
	require.Empty(t, s.offer("a", 1))
	require.Equal(t, []string{"a e1 Skipped by e2, settles [1]"}, s.offer("a", 2))
	require.Equal(t, []string{"a e2 Skipped by e3, settles [2]"}, s.offer("a", 3))
	c := s.push()
	require.Equal(t, int64('a'), c.ItemID)
	require.Equal(t, []channels.Line{{Qty: 3}}, c.Lines)
	require.Equal(t, []string{"a e3 Successfully 3, state, settles [3]"}, s.confirm(c))
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestNewestQuantityWinsWhileAPushIsInFlight(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	first := s.push()
	require.Empty(t, s.offer("a", 2))
	require.Equal(t, []string{"a e2 Skipped by e3, settles [2]"}, s.offer("a", 3))
	s.wait(time.Minute)
	require.Equal(t, time.Duration(-1), s.wake(), "one call of an item at a time")
	require.Equal(t, []string{"a e1 Successfully 1, state, settles [1]"}, s.confirm(first))
	require.Equal(t, []string{"a e3 Successfully 3, state, settles [3]"}, s.confirm(s.start(lane.Push)))
}

func TestFailedTryIsSupersededByWhatWaits(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	c := s.push()
	s.offer("a", 2)
	require.Equal(t, []string{"a e1 Skipped by e2, settles [1]"}, s.pushed(c, refused(schemas.RateLimited)), "nothing was sent that could still be applied")
	require.Zero(t, s.result.Retries)
	c = s.push()
	s.offer("a", 3)
	require.Equal(t, []string{"a e2 Skipped by e3, state, settles [2]"}, s.pushed(c, unknown(schemas.TimedOut)), "the state has the lost request")
	record := recordOf(&s.result.Outcomes[0])
	require.Equal(t, uint16(1), record.Attempts)
	require.Equal(t, "r", record.RequestID)
	require.Equal(t, s.now, record.FinishedAt)
}

func TestRecordTellsOfThePush(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	queued := s.now
	s.pushed(s.push(), refused(schemas.RateLimited))
	s.wait(time.Minute)
	s.confirm(s.start(lane.Push))
	o := s.result.Outcomes[0]
	require.Equal(t, schemas.Successfully, o.Status)
	require.Equal(t, queued, o.TriggeredAt)
	r := recordOf(&o)
	require.Nil(t, r.BeforeQty)
	require.Equal(t, uint16(2), r.Attempts)
	require.Equal(t, []time.Time{queued, s.now}, []time.Time{r.QueuedAt, r.FinishedAt})
	require.Equal(t, "r", r.RequestID)

	s.offer("a", 2)
	floor := int64(7)
	v := refused(schemas.BelowPromotionReserve)
	v.Floor = &floor
	s.pushed(s.push(), v)
	require.Equal(t, schemas.BelowPromotionReserve, s.result.Outcomes[0].FailureCode)
	r = recordOf(&s.result.Outcomes[0])
	require.Equal(t, int64(1), *r.BeforeQty)
	require.Equal(t, int64(7), *r.PromotionFloor)
	require.Equal(t, "no", r.FailureReason)
}

func TestOneCallPerItemAndAsManyAsConcurrencyAllows(t *testing.T) {
	s := newShop(t, func(c *lane.Config) { c.ShopConcurrency = 2 })
	for _, name := range []string{"a", "b", "c"} {
		s.offer(name, 1)
	}
	first, second := s.push(), s.push()
	require.Equal(t, 2, s.lane.InFlight())
	require.Equal(t, time.Duration(-1), s.wake())
	s.confirm(first)
	s.offer("b", 2)
	third := s.push()
	require.Equal(t, int64('c'), third.ItemID, "b has a call in flight")
	s.confirm(third)
	require.Equal(t, time.Duration(-1), s.wake())
	s.confirm(second)
	require.Equal(t, int64('b'), s.push().ItemID)
}

func TestCallCarriesAtMostMaxLines(t *testing.T) {
	s := newShop(t, func(c *lane.Config) { c.MaxLines = 2 })
	for model := range int64(5) {
		s.offer(fmt.Sprint("a", model), model, of(1, model))
	}
	require.Equal(t, []channels.Line{{ModelID: 0}, {ModelID: 1, Qty: 1}}, s.takeAll())
	require.Equal(t, []channels.Line{{ModelID: 2, Qty: 2}, {ModelID: 3, Qty: 3}}, s.takeAll())
	require.Equal(t, []channels.Line{{ModelID: 4, Qty: 4}}, s.takeAll())
	require.Equal(t, lane.Stats{}, s.lane.Stats(s.now))
}

// takeAll makes the next push and returns its lines.
func (s *shop) takeAll() []channels.Line {
	c := s.push()
	s.confirm(c)
	return c.Lines
}

func TestTwoStoreSKUsOfOneModelGoInTheOrderOfTheirCommands(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 5))
	s.offer("b", 2, of(1, 5))
	s.offer("c", 3, of(1, 5), in("X")) // another location is another stock
	s.offer("a", 4, of(1, 5))          // it keeps its place, but its command is the newest
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 2}, {ModelID: 5, LocationID: "X", Qty: 3}}, s.takeAll())
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 4}}, s.takeAll())
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestStoreSKUWaitsForAnEarlierCommandOfItsModelInBackoff(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 5))
	s.pushed(s.push(), refused(schemas.RateLimited))
	backoff := s.wake()
	s.offer("b", 2, of(1, 5))
	s.offer("c", 3, of(1, 5), in("X")) // another location is another stock
	require.Equal(t, []channels.Line{{ModelID: 5, LocationID: "X", Qty: 3}}, s.takeAll())
	require.Equal(t, backoff-linger, s.wake())
	s.wait(s.wake())
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 1}}, s.takeAll())
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 2}}, s.takeAll())
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestStoreSKUNeedNotWaitForACommandThatWasReplaced(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 5))
	s.pushed(s.push(), refused(schemas.RateLimited))
	s.offer("b", 2, of(1, 5))
	s.offer("a", 3, of(1, 5))
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 2}}, s.takeAll())
	require.Equal(t, []channels.Line{{ModelID: 5, Qty: 3}}, s.takeAll())
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestPushLingersForOthersOfItsItem(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 1))
	require.Equal(t, linger, s.wake())
	s.wait(linger / 2)
	s.offer("b", 2, of(1, 2))
	require.Equal(t, linger/2, s.wake(), "the first push decides")
	s.wait(linger / 2)
	require.Len(t, s.start(lane.Push).Lines, 2, "a push that still lingers goes along")
}

func TestPushInBackoffDoesNotGoAlong(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 1))
	s.pushed(s.push(), refused(schemas.RateLimited))
	backoff := s.wake()
	require.Greater(t, backoff, 2*linger)
	s.offer("b", 2, of(1, 2))
	require.Equal(t, []channels.Line{{ModelID: 2, Qty: 2}}, s.takeAll())
	require.Equal(t, backoff-linger, s.wake())
	s.wait(s.wake())
	require.Equal(t, []channels.Line{{ModelID: 1, Qty: 1}}, s.start(lane.Push).Lines)
}

func TestNewQuantityDoesNotWaitForABackoff(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), refused(schemas.RateLimited))
	s.offer("a", 2)
	require.Equal(t, linger, s.wake())
}

func TestReplacingPushLingersNoLonger(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.wait(linger - 1)
	s.offer("a", 2)
	require.Equal(t, time.Duration(1), s.wake())
}

func TestStoreSKUThatChangesItsItemWaitsForItsPushInFlight(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 1))
	old := s.push()
	s.offer("a", 2, of(2, 7))
	s.wait(time.Minute)
	require.Equal(t, time.Duration(-1), s.wake())
	s.offer("b", 3, of(2, 8))
	other := s.push()
	require.Equal(t, []channels.Line{{ModelID: 8, Qty: 3}}, other.Lines, "others of the new item do not wait")
	s.confirm(old)
	require.Equal(t, time.Duration(-1), s.wake(), "the new item has a call in flight")
	s.confirm(other)
	c := s.start(lane.Push)
	require.Equal(t, int64(2), c.ItemID)
	require.Equal(t, []string{"a e2 Successfully 2, state, settles [2]"}, s.confirm(c))
}

func TestWaitingPushMovesToTheNewItem(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1, of(1, 1))
	s.offer("a", 2, of(2, 1))
	require.Equal(t, int64(2), s.push().ItemID)
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestItemsTakeTurns(t *testing.T) {
	s := newShop(t, func(c *lane.Config) { c.ShopConcurrency, c.MaxLines = 1, 1 })
	for model := range int64(3) {
		s.offer(fmt.Sprint("a", model), 1, of(1, model))
	}
	s.offer("b", 1, of(2, 0))
	s.wait(linger)
	s.offer("c", 1, of(3, 0)) // it becomes due while the first call is in flight
	first := s.start(lane.Push)
	s.wait(linger)
	items := []int64{first.ItemID}
	s.confirm(first)
	for range 4 {
		c := s.start(lane.Push)
		items = append(items, c.ItemID)
		s.wait(time.Millisecond)
		s.confirm(c)
	}
	require.Equal(t, []int64{1, 2, 3, 1, 1}, items)
}

func TestHotStoreSKUDoesNotDelayOthers(t *testing.T) {
	s := newShop(t, func(c *lane.Config) { c.ShopConcurrency = 1 })
	s.offer("a", 1)
	s.offer("b", 1)
	c := s.push()
	for range 3 {
		s.offer("a", 2)
		s.wait(linger)
	}
	s.confirm(c)
	require.Equal(t, int64('b'), s.start(lane.Push).ItemID)
}

func TestStatsTellWhatWaits(t *testing.T) {
	s := newShop(t)
	require.Equal(t, lane.Stats{}, s.lane.Stats(s.now))
	first := s.now
	s.offer("a", 1)
	s.wait(time.Second)
	s.offer("b", 1)
	require.Equal(t, lane.Stats{Waiting: 2, OldestQueued: first}, s.lane.Stats(s.now))
	s.push()
	require.Equal(t, lane.Stats{Waiting: 1, OldestQueued: first.Add(time.Second)}, s.lane.Stats(s.now))
}

func TestHealthOfAnAnswer(t *testing.T) {
	throttled := shopRefused(schemas.RateLimited)
	for name, tt := range map[string]struct {
		answer channels.Answer
		want   channels.Health
	}{
		"confirmed":            {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{confirmed(1)}}, channels.Healthy},
		"refused":              {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{refused(schemas.ItemNotFound)}}, channels.Healthy},
		"failure":              {channels.Answer{Calls: 1, Failure: true, Verdicts: []channels.Verdict{unknown(schemas.TimedOut)}}, channels.Unhealthy},
		"failure after one":    {channels.Answer{Calls: 0, Failure: true}, channels.Unhealthy},
		"no call":              {channels.Answer{Verdicts: []channels.Verdict{refused(schemas.AuthorizationLost)}}, channels.Neutral},
		"throttled":            {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{throttled}}, channels.Neutral},
		"throttled for one":    {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{confirmed(1), throttled}}, channels.Neutral},
		"confirmed with words": {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{{Outcome: channels.Confirmed, Code: schemas.RateLimited}}}, channels.Healthy},
	} {
		require.Equal(t, tt.want, tt.answer.Health(), name)
	}
}
