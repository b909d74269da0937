package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

// lost is a shop whose store SKU a showed 2, and then 4 after a request with 3 whose outcome
// is unknown. Its read-back is due.
func lost(t *testing.T) *shop {
	s := newShop(t)
	s.offer("a", 2)
	s.confirm(s.push())
	s.offer("a", 3)
	s.pushed(s.push(), unknown(schemas.TimedOut))
	require.Equal(t, []string{"a e2 Skipped by e3, state, settles [2]"}, s.offer("a", 4))
	require.Equal(t, []string{"a e3 Successfully 4, state, settles [3]"}, s.confirm(s.push()), "the record does not wait for the read-back")
	require.Equal(t, confirmAfter-linger, s.wake())
	s.wait(s.wake())
	return s
}

func TestWhatAReadbackLeadsTo(t *testing.T) {
	for name, tt := range map[string]struct {
		shown   []channels.ModelStock
		repairs bool
	}{
		"the quantity sent":        {[]channels.ModelStock{shows(9, 3), shows(0, 4)}, false},
		"the lost quantity":        {[]channels.ModelStock{shows(0, 3)}, true},
		"the quantity from before": {[]channels.ModelStock{shows(0, 2)}, true},
		"more than was sent":       {[]channels.ModelStock{shows(0, 5)}, true},
		"less: buyers took some":   {[]channels.ModelStock{shows(0, 1)}, false},
		"another model":            {[]channels.ModelStock{shows(9, 3)}, false},
		"nothing":                  {nil, false},
	} {
		s := lost(t)
		c := s.start(lane.Readback)
		require.Equal(t, int64('a'), c.ItemID, name)
		s.wait(time.Second)
		written := s.read(c, tt.shown...)
		if !tt.repairs {
			require.Equal(t, []string{"a, state"}, written, name)
			require.Nil(t, s.sku("a").Readback, name)
			require.Zero(t, s.result.Repairs, name)
			require.Equal(t, time.Duration(-1), s.wake(), name)
			continue
		}
		require.Empty(t, written, name)
		require.Equal(t, 1, s.result.Repairs, name)
		require.Equal(t, lane.Stats{Waiting: 1, OldestQueued: recordOf(&lane.Outcome{Record: s.sku("a").Last.Bytes}).QueuedAt}, s.lane.Stats(s.now))
		last := s.sku("a").LastRecord()
		finished := last.FinishedAt
		repair := s.start(lane.Push)
		require.Equal(t, []channels.Line{{Qty: 4}}, repair.Lines, name)
		require.Equal(t, []string{"a e3 Successfully 4, state"}, s.confirm(repair), name)
		require.Equal(t, uint16(2), recordOf(&s.result.Outcomes[0]).Attempts)
		require.Equal(t, new(int64(2)), recordOf(&s.result.Outcomes[0]).BeforeQty, "as its record said")
		require.Equal(t, finished, recordOf(&s.result.Outcomes[0]).FinishedAt, "as its record said")
		require.Zero(t, s.result.Outcomes[0].Status, "its event ended before")
		require.Equal(t, confirmAfter, s.wake(), "what was repaired is read back")
		s.wait(confirmAfter)
		require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 4)), name)
	}
}

func TestLessThanWasSentIsNotTheQuantityFromBeforeIfThatIsNotKnown(t *testing.T) {
	s := newShop(t)
	s.offer("a", 1)
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.offer("a", 4)
	s.confirm(s.push())
	s.wait(confirmAfter)
	require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 0)))
}

func TestReadbackThatFailsIsRepeated(t *testing.T) {
	for name, v := range map[string]channels.Verdict{"timed out": unknown(schemas.TimedOut), "refused": refused(schemas.ItemNotEditable)} {
		s := lost(t)
		s.wait(time.Hour)
		require.Empty(t, s.readFails(s.start(lane.Readback), v), name)
		require.Equal(t, confirmAfter, s.wake(), name)
		s.wait(confirmAfter)
		require.Equal(t, []string{"a, state"}, s.read(s.start(lane.Readback), shows(0, 4)), name)
	}
}

func TestReadbackOfAnItemThatIsGoneEnds(t *testing.T) {
	s := lost(t)
	require.Equal(t, []string{"a, state"}, s.readFails(s.start(lane.Readback), refused(schemas.ItemNotFound)))
	require.Nil(t, s.sku("a").Readback)
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestReadbackThatIsThrottledIsToldOf(t *testing.T) {
	s := lost(t)
	s.readFails(s.start(lane.Readback), shopRefused(schemas.RateLimited))
	require.Equal(t, schemas.RateLimited, s.result.Throttled.Code)
}

func TestAnswerOfARead(t *testing.T) {
	require.True(t, lane.ReadAnswer(unknown(schemas.TimedOut)).Failure)
	a := lane.ReadAnswer(refused(schemas.ItemNotFound))
	require.Equal(t, channels.Answer{Verdicts: []channels.Verdict{refused(schemas.ItemNotFound)}, Calls: 1}, a)
}

func TestNewerPushIsReadBackInstead(t *testing.T) {
	s := lost(t)
	s.offer("a", 5)
	require.Equal(t, linger, s.wake(), "what is about to change is not read")
	c := s.push()
	s.wait(time.Minute)
	require.NotEqual(t, lane.Readback, s.want())
	s.confirm(c)
	require.Equal(t, []int64{3}, s.sku("a").Readback.Lost)
	require.Empty(t, s.read(s.start(lane.Readback), shows(0, 3)))
	require.Equal(t, []channels.Line{{Qty: 5}}, s.start(lane.Push).Lines)
}

func TestReadbackThatANewerPushOvertookSaysNothing(t *testing.T) {
	for name, step := range map[string]func(s *shop){
		"waits":        func(s *shop) { s.offer("a", 5) },
		"is in flight": func(s *shop) { s.offer("a", 5); s.push() },
		"was confirmed": func(s *shop) {
			s.offer("a", 5)
			s.confirm(s.push())
		},
		"was lost and then confirmed": func(s *shop) {
			s.offer("a", 4, repeats(3))
			s.pushed(s.push(), unknown(schemas.TimedOut))
			s.wait(time.Second)
			s.confirm(s.start(lane.Push))
		},
	} {
		s := lost(t)
		c := s.start(lane.Readback)
		require.Equal(t, time.Duration(-1), s.wake(), "one read at a time")
		step(s)
		require.Empty(t, s.read(c, shows(0, 3)), name)
		require.NotNil(t, s.sku("a").Readback, name)
		require.Zero(t, s.result.Repairs, name)
	}
}

func TestFailureAfterALostRequestIsNotReadBack(t *testing.T) {
	s := newShop(t)
	s.offer("a", 3)
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.wait(time.Second)
	require.Equal(t, []string{"a e1 Failed item_not_found, state, settles [1]"}, s.pushed(s.start(lane.Push), refused(schemas.ItemNotFound)))
	s.wait(time.Hour)
	require.Equal(t, lane.Nothing, s.want())
	require.Zero(t, s.lane.Stats(s.now).ReadbackDue)
	s.offer("a", 4)
	s.confirm(s.push())
	require.Equal(t, lane.Readback, s.want(), "the next success is")
}

func TestLostQuantitiesAreKeptOnceAndUpToSixteen(t *testing.T) {
	s := newShop(t)
	for _, qty := range []int64{1, 2, 1} {
		s.offer("a", qty)
		s.pushed(s.push(), unknown(schemas.TimedOut))
	}
	require.Equal(t, []int64{2, 1}, s.sku("a").Readback.Lost)
	var want []int64
	for qty := int64(100); qty < 116; qty++ {
		s.offer("a", qty)
		s.pushed(s.push(), unknown(schemas.TimedOut))
		want = append(want, qty)
	}
	require.Equal(t, want, s.sku("a").Readback.Lost)
	require.Equal(t, s.now.Add(confirmAfter), s.sku("a").Readback.NotBefore)
}

func TestLostRequestOfAnotherModelIsForgotten(t *testing.T) {
	for name, target := range map[string]change{"item": of(2, 1), "model": of(1, 2)} {
		s := newShop(t)
		s.offer("a", 1, of(1, 1))
		s.pushed(s.push(), unknown(schemas.TimedOut))
		s.offer("a", 2, target)
		s.pushed(s.push(), unknown(schemas.TimedOut))
		require.Equal(t, []int64{2}, s.sku("a").Readback.Lost, name)
	}
}

func TestModelsOfAnItemAreReadTogether(t *testing.T) {
	s := newShop(t)
	for i, name := range []string{"a", "b", "c"} {
		s.offer(name, 1, of(1, int64(i)), maybeSent)
	}
	s.offer("d", 1, of(2, 0), maybeSent)
	s.confirm(s.push())
	s.confirm(s.push())
	s.wait(confirmAfter - time.Second)
	s.offer("c", 2, of(1, 2))
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.wait(time.Second)
	s.confirm(s.start(lane.Push))
	read := map[int64][]string{}
	for range 2 {
		c := s.start(lane.Readback)
		read[c.ItemID] = s.read(c, shows(0, 1), shows(1, 1), shows(2, 1))
	}
	require.ElementsMatch(t, []string{"a, state", "b, state"}, read[1], "the read-back of c is not due")
	require.Equal(t, []string{"d, state"}, read[2])
	require.Positive(t, s.wake())
	s.wait(s.wake())
	require.Empty(t, s.read(s.start(lane.Readback), shows(2, 1)))
	require.Equal(t, 1, s.result.Repairs)
}

func TestModelIsReadAtItsLocation(t *testing.T) {
	s := newShop(t)
	s.offer("a", 4, in("X"), maybeSent)
	s.confirm(s.push())
	s.wait(confirmAfter)
	require.Empty(t, s.read(s.start(lane.Readback), shows(0, 4), channels.ModelStock{LocationID: "X", Qty: 5}))
	require.Equal(t, 1, s.result.Repairs)
	s.offer("b", 4, maybeSent)
	s.confirm(s.push())
	s.wait(confirmAfter)
	s.drain()
	s.offer("b", 4, maybeSent)
	s.confirm(s.push())
	s.wait(confirmAfter)
	require.Equal(t, []string{"b, state"}, s.read(s.start(lane.Readback), channels.ModelStock{LocationID: "X", Qty: 4}), "any location is that of an event without one")
}

// repairing is a shop whose repair push is in flight.
func repairing(t *testing.T) (*shop, *lane.Call) {
	s := lost(t)
	s.read(s.start(lane.Readback), shows(0, 3))
	return s, s.start(lane.Push)
}

func TestRefusedRepairIsRepeatedAfterARead(t *testing.T) {
	s, c := repairing(t)
	require.Equal(t, []string{"a, state"}, s.pushed(c, refused(schemas.ItemNotEditable)), "its event ended before")
	require.Equal(t, []lane.Notice{{Kind: lane.RepairRefused, Verdict: refused(schemas.ItemNotEditable), StoreSKU: "shopee/1/a"}}, s.result.Notices)
	require.Equal(t, probeInterval, s.wake())
	s.wait(probeInterval)
	s.read(s.start(lane.Readback), shows(0, 3))
	require.Equal(t, []string{"a e3 Successfully 4, state"}, s.confirm(s.start(lane.Push)))
}

func TestRepairIsRetried(t *testing.T) {
	s, c := repairing(t)
	require.Empty(t, s.pushed(c, unknown(schemas.TimedOut)))
	require.Equal(t, []int64{3, 4}, s.sku("a").Readback.Lost)
	s.wait(time.Second)
	require.Equal(t, []string{"a e3 Successfully 4, state"}, s.confirm(s.start(lane.Push)))
}

func TestRepairIsSupersededWithoutARecord(t *testing.T) {
	s, c := repairing(t)
	require.Empty(t, s.offer("a", 6))
	require.Empty(t, s.pushed(c, refused(schemas.RateLimited)))
	require.Equal(t, []string{"a e4 Successfully 6, state, settles [4]"}, s.confirm(s.push()))

	s = lost(t)
	s.read(s.start(lane.Readback), shows(0, 3))
	require.Empty(t, s.offer("a", 6), "also while it waits")
	require.Equal(t, []string{"a e4 Successfully 6, state, settles [4]"}, s.confirm(s.start(lane.Push)))
}

func TestRepairWritesNoRecordAfterANewerEventFailed(t *testing.T) {
	s, repair := repairing(t)
	s.offer("a", 6)
	s.offer("b", 1)
	s.pushed(s.push(), banned)
	require.Equal(t, []string{"a e4 Failed shop_restricted, state, settles [4]"}, s.failHeld())
	require.Equal(t, []string{"a, state"}, s.confirm(repair), "its record has the facts of its own event")
	require.Equal(t, new(int64(4)), s.sku("a").Confirmed)
	s.wait(probeInterval)
	s.offer("c", 1)
	s.confirm(s.start(lane.Push))
	require.ElementsMatch(t, []string{"a", "b"}, s.repushed(), "the newer event is still pushed again")
}

func TestCommandOfARepairedEventIsFinished(t *testing.T) {
	s, _ := repairing(t)
	require.Equal(t, []string{"a e3 Successfully 4, settles [4]"}, s.offer("a", 4, event(3)))
}

func TestRepairOfAHeldShopIsKept(t *testing.T) {
	s, c := repairing(t)
	require.Equal(t, []string{"a, state"}, s.pushed(c, banned))
	require.Equal(t, probeInterval, s.wake(), "a held shop is not read back")
	s.wait(probeInterval)
	s.read(s.start(lane.ProbeRead))
	require.Empty(t, s.repushed(), "its event did not fail")
	s.read(s.start(lane.Readback), shows(0, 3))
	require.Equal(t, []string{"a e3 Successfully 4, state"}, s.confirm(s.start(lane.Push)))
}

func TestStatsTellSinceWhenAReadbackIsDue(t *testing.T) {
	s := lost(t)
	due := s.now
	s.wait(-1)
	require.Zero(t, s.lane.Stats(s.now).ReadbackDue)
	s.wait(time.Hour)
	require.Equal(t, due, s.lane.Stats(s.now).ReadbackDue)
}

func TestRestoredReadbackIsMade(t *testing.T) {
	s := lost(t)
	s = restored(t, s)
	require.Empty(t, s.read(s.start(lane.Readback), shows(0, 3)))
	require.Equal(t, []channels.Line{{Qty: 4}}, s.start(lane.Push).Lines)
}

// A command of the repaired event may come again after a newer event failed.
func TestRepairSettlesItsDuplicates(t *testing.T) {
	duplicated := func() (*shop, *lane.Call) {
		s, repair := repairing(t)
		s.offer("a", 6)
		s.offer("b", 1)
		s.pushed(s.push(), banned)
		s.failHeld()
		require.Empty(t, s.offer("a", 4, event(3)), "it is in flight")
		return s, repair
	}
	s, repair := duplicated()
	require.Equal(t, []string{"a, state, settles [6]"}, s.confirm(repair))
	s, repair = duplicated()
	require.Equal(t, []string{"a, state, settles [6]"}, s.pushed(repair, refused(schemas.ItemNotEditable)))
	s, repair = duplicated()
	s.offer("a", 7)
	require.Equal(t, []string{"a, settles [6]"}, s.pushed(repair, refused(schemas.RateLimited)))
}
