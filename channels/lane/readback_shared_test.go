package lane_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
)

// lostFirst is a shop whose store SKU a was confirmed with 5 after a lost request of it.
func lostFirst(t *testing.T) *shop {
	s := newShop(t)
	s.offer("a", 5, of(1, 7))
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.wait(time.Second)
	s.confirm(s.start(lane.Push))
	require.Equal(t, []int64{5}, s.sku("a").Readback.Lost)
	return s
}

// readBack reads model 7 back when that is due.
func (s *shop) readBack(shown int64) {
	s.wait(s.wake())
	s.read(s.start(lane.Readback), shows(7, shown))
}

// repairs says whether model 7 is pushed again with the quantity; otherwise nothing is due any more.
func (s *shop) repairs(qty int64) bool {
	if s.result.Repairs == 0 {
		require.Equal(s.t, time.Duration(-1), s.wake())
		return false
	}
	require.Equal(s.t, 1, s.result.Repairs)
	require.Equal(s.t, []channels.Line{{ModelID: 7, Qty: qty}}, s.start(lane.Push).Lines)
	return true
}

func TestModelIsReadBackForTheStoreSKUThatItConfirmedLast(t *testing.T) {
	for name, tt := range map[string]struct{ shown, repairs int64 }{"what was sent last": {8, 0}, "the lost quantity": {5, 1}} {
		s := lostFirst(t)
		s.offer("b", 8, of(1, 7))
		require.Equal(t, []string{"b e2 Successfully 8, state, settles [2]", "a, state"}, s.confirm(s.push()), name)
		require.Nil(t, s.sku("a").Readback, name)
		require.Equal(t, []int64{5}, s.sku("b").Readback.Lost, name)
		s.readBack(tt.shown)
		require.Equal(t, tt.repairs > 0, s.repairs(8), name)
	}
}

func TestRepairOfAnEarlierQuantityIsDropped(t *testing.T) {
	s := lostFirst(t)
	s.offer("b", 8, of(1, 7))
	c := s.push()
	s.wait(confirmAfter)
	s.read(s.start(lane.Readback), shows(7, 8))
	require.Equal(t, 1, s.lane.Stats(s.now).Waiting)
	require.Equal(t, []string{"b e2 Successfully 8, state, settles [2]", "a, state"}, s.confirm(c))
	require.Equal(t, confirmAfter, s.wake())
	s.wait(s.wake())
	require.Equal(t, []string{"b, state"}, s.read(s.start(lane.Readback), shows(7, 8)))
	require.Equal(t, time.Duration(-1), s.wake())
}

func TestReadbacksOfOneModelBecomeOne(t *testing.T) {
	s := newShop(t)
	s.offer("a", 4, of(1, 7))
	s.confirm(s.push())
	s.offer("a", 5, of(1, 7))
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.wait(time.Second)
	s.confirm(s.start(lane.Push))
	s.offer("b", 8, of(1, 7))
	s.pushed(s.push(), unknown(schemas.TimedOut))
	lost := s.now
	s.offer("b", 9, of(1, 7))
	s.confirm(s.push())
	require.Equal(t, &schemas.Readback{
		ItemID: 1, ModelID: 7, Lost: []int64{5, 8}, BeforeQty: new(int64(4)), NotBefore: lost.Add(confirmAfter),
	}, s.sku("b").Readback)
}

func TestReadbackStays(t *testing.T) {
	for name, changes := range map[string][]change{
		"another item": {of(2, 7)}, "another model": {of(1, 8)}, "another location": {of(1, 7), in("X")},
	} {
		s := lostFirst(t)
		s.offer("b", 8, changes...)
		require.Len(t, s.confirm(s.push()), 1, name)
		require.NotNil(t, s.sku("a").Readback, name)
		require.Nil(t, s.sku("b").Readback, name)
	}
}

func TestReadbackOfAWaitingCommandStays(t *testing.T) {
	s := lostFirst(t)
	s.wait(confirmAfter)
	s.read(s.start(lane.Readback), shows(7, 6))
	repair := s.start(lane.Push)
	s.offer("b", 8, of(1, 7), maybeSent)
	require.Equal(t, []string{"a e1 Successfully 5, state"}, s.confirm(repair))
	require.Equal(t, []int64{8}, s.sku("b").Readback.Lost)
	s.confirm(s.push())
	require.Equal(t, []int64{5, 8}, s.sku("b").Readback.Lost)
	require.Nil(t, s.sku("a").Readback)
}

// The refused push of b does not show whether an earlier request of it was applied.
func TestLostRequestOfARefusedPushIsCheckedForTheStoreSKUThatWasConfirmedLast(t *testing.T) {
	for name, tt := range map[string]struct{ shown, repairs int64 }{"what was sent last": {5, 0}, "what buyers left": {4, 0}, "the lost quantity": {3, 1}} {
		s := newShop(t)
		s.offer("c", 9, of(1, 7))
		s.confirm(s.push())
		s.offer("b", 4, of(1, 7))
		s.confirm(s.push())
		s.wait(time.Second)
		s.offer("a", 5, of(1, 7))
		s.confirm(s.push())
		s.offer("d", 6, of(1, 8))
		s.confirm(s.push())
		s.offer("b", 3, of(1, 7))
		s.pushed(s.push(), unknown(schemas.TimedOut))
		s.wait(time.Second)
		require.Equal(t, []string{
			"b e5 Failed item_not_editable, state, settles [5]", "a, state", "b, state",
		}, s.pushed(s.start(lane.Push), refused(schemas.ItemNotEditable)), name)
		require.Nil(t, s.sku("b").Readback, name)
		s.readBack(tt.shown)
		require.Equal(t, tt.repairs > 0, s.repairs(5), name)
	}
}

// The call that refuses a's push of another model confirms b's push of the model of its read-back.
func TestReadbackOfARefusedPushIsTakenByTheSameCall(t *testing.T) {
	s := newShop(t)
	s.offer("a", 5, of(1, 7))
	s.pushed(s.push(), unknown(schemas.TimedOut))
	s.offer("a", 6, of(1, 8))
	s.offer("b", 3, of(1, 7))
	require.Equal(t, []string{
		"a e2 Failed item_not_editable, state, settles [2]", "b e3 Successfully 3, state, settles [3]", "b, state", "a, state",
	}, s.pushed(s.push(), refused(schemas.ItemNotEditable), confirmed(3)))
	require.Nil(t, s.sku("a").Readback)
	require.Equal(t, []int64{5}, s.sku("b").Readback.Lost)
}

func TestReadbackOfARefusedPushStays(t *testing.T) {
	for name, change := range map[string]func(*shop){
		"nothing was confirmed":      func(*shop) {},
		"another item":               func(s *shop) { s.offer("a", 5, of(2, 7)); s.confirm(s.push()) },
		"another location":           func(s *shop) { s.offer("a", 5, of(1, 7), in("X")); s.confirm(s.push()) },
		"the other one failed, too":  func(s *shop) { s.offer("a", 5, of(1, 7)); s.pushed(s.push(), refused(schemas.ItemNotEditable)) },
		"the other's command is due": func(s *shop) { s.offer("a", 5, of(1, 7)); s.confirm(s.push()); s.offer("a", 6, of(3, 7)) },
	} {
		s := newShop(t)
		change(s)
		s.offer("b", 3, of(1, 7))
		c := s.push()
		if c.ItemID != 1 {
			c = s.start(lane.Push)
		}
		s.pushed(c, unknown(schemas.TimedOut))
		s.wait(time.Second)
		require.Len(t, s.pushed(s.start(lane.Push), refused(schemas.ItemNotEditable)), 1, name)
		require.NotNil(t, s.sku("b").Readback, name)
	}
}
