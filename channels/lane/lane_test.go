package lane_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

const (
	linger        = 20 * time.Millisecond
	probeInterval = time.Minute
	confirmAfter  = 10 * time.Second
	maxPendingAge = 24 * time.Hour
)

// shop is a lane with a time that the test sets and its store SKUs by name. Its steps return
// what they write, as texts.
type shop struct {
	t    require.TestingT
	cfg  *lane.Config
	lane *lane.Lane
	now  time.Time
	skus map[string]*sku.SKU
	// offset is the last event's and command's.
	offset int64
	// result is the last step's.
	result lane.Result
}

func newShop(t require.TestingT, change ...func(*lane.Config)) *shop {
	cfg := &lane.Config{
		MaxPendingAge: maxPendingAge, Concurrency: 4, MaxLines: 50, Linger: linger, ProbeInterval: probeInterval, ConfirmAfter: confirmAfter,
	}
	for _, c := range change {
		c(cfg)
	}
	return &shop{t: t, cfg: cfg, lane: lane.New(cfg), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), skus: map[string]*sku.SKU{}}
}

func (s *shop) sku(name string) *sku.SKU {
	if s.skus[name] == nil {
		s.skus[name] = sku.New("shopee/1/" + name)
	}
	return s.skus[name]
}

func (s *shop) wait(d time.Duration) { s.now = s.now.Add(d) }

// change changes a command before it is offered.
type change func(*lane.Command)

func of(item, model int64) change {
	return func(c *lane.Command) { c.Event.ItemID, c.Event.ModelID = item, model }
}

func in(location string) change { return func(c *lane.Command) { c.Event.LocationID = location } }

func because(r schemas.Reason) change { return func(c *lane.Command) { c.Event.Reason = r } }

func repeats(offset int64) change {
	return func(c *lane.Command) { c.Event.Reason, c.Event.RepeatsOffset = schemas.RefreshInventory, offset }
}

// event makes it a command of the event at an offset.
func event(offset int64) change {
	return func(c *lane.Command) { c.Event.Position.Offset, c.Event.EventID = offset, eventID(offset) }
}

func maybeSent(c *lane.Command) { c.Inherited, c.MaybeSent = true, true }

func inherited(c *lane.Command) { c.Inherited = true }

func queuedAt(at time.Time) change { return func(c *lane.Command) { c.QueuedAt = at } }

func eventID(offset int64) string { return fmt.Sprint("e", offset) }

// command is the next command: an event of an item of its store SKU's own, unless changed.
func (s *shop) command(name string, qty int64, changes ...change) *lane.Command {
	s.offset++
	c := &lane.Command{Offset: s.offset, QueuedAt: s.now, Event: schemas.Event{
		EventID: eventID(s.offset), Reason: schemas.SyncOrder, ItemID: int64(name[0]), Available: qty, RepeatsOffset: schemas.NoOffset,
		OccurredAt: s.now, TriggeredAt: s.now, Position: schemas.Position{LogID: 1, Offset: s.offset},
	}}
	for _, change := range changes {
		change(c)
	}
	c.Encoded = schemas.PackEvent(nil, &c.Event)
	return c
}

func (s *shop) offer(name string, qty int64, changes ...change) []string {
	c := s.command(name, qty, changes...)
	r := s.lane.Offer(s.sku(name), c, s.now)
	clear(c.Encoded) // it is the caller's
	return s.took(r)
}

// took notes a step's result and returns what it writes.
func (s *shop) took(r lane.Result) []string {
	s.result = r
	var written []string
	for i := range r.Outcomes {
		written = append(written, describe(&r.Outcomes[i]))
	}
	return written
}

// describe says what an outcome writes, such as "a e1 Failed timed_out, state, settles [1]".
func describe(o *lane.Outcome) string {
	text := strings.TrimPrefix(o.SKU.Key, "shopee/1/")
	if o.Record != nil {
		r := recordOf(o)
		text += fmt.Sprint(" ", r.EventID, " ", r.Status)
		switch r.Status {
		case schemas.Successfully:
			text += fmt.Sprint(" ", *r.AfterQty)
		case schemas.Skipped:
			text += " by " + r.SupersededBy
		case schemas.Failed:
			text += fmt.Sprint(" ", r.FailureCode)
		case schemas.Pending:
		}
	}
	if o.SaveState {
		text += ", state"
	}
	if len(o.Offsets) > 0 {
		text += fmt.Sprint(", settles ", o.Offsets)
	}
	return text
}

func recordOf(o *lane.Outcome) schemas.Record {
	r, err := schemas.PackedRecord{Bytes: o.Record}.Record(schemas.Key{})
	if err != nil {
		panic(err)
	}
	return r
}

func (s *shop) want() lane.Want {
	want, _ := s.lane.Next(s.now)
	return want
}

// wake is how long after now the lane wants to be asked again, when it wants nothing; negative for never.
func (s *shop) wake() time.Duration {
	want, wake := s.lane.Next(s.now)
	require.Equal(s.t, lane.Nothing, want)
	if wake.IsZero() {
		return -1
	}
	return wake.Sub(s.now)
}

// start starts the call that the lane wants, which must be of that kind.
func (s *shop) start(kind lane.Want) *lane.Call {
	actual := s.want()
	require.Equal(s.t, kind, actual)
	c := s.lane.Start(kind, s.now)
	return &c
}

// push lets pushes become due and starts the next one.
func (s *shop) push() *lane.Call {
	s.wait(linger)
	return s.start(lane.Push)
}

func (s *shop) answer(c *lane.Call, a channels.Answer) []string {
	return s.took(s.lane.Pushed(c, &a, s.now))
}

// pushed ends a push with one verdict a line, or one for all.
func (s *shop) pushed(c *lane.Call, verdicts ...channels.Verdict) []string {
	for len(verdicts) < len(c.Lines) {
		verdicts = append(verdicts, verdicts[0])
	}
	return s.answer(c, channels.Answer{Verdicts: verdicts, Calls: 1, Failure: verdicts[0].Code.Class() == schemas.ClassInfrastructure})
}

// confirm ends a push: each model shows the quantity that was sent.
func (s *shop) confirm(c *lane.Call) []string {
	var verdicts []channels.Verdict
	for _, line := range c.Lines {
		verdicts = append(verdicts, confirmed(line.Qty))
	}
	return s.pushed(c, verdicts...)
}

// read ends a read with what the models of the item show.
func (s *shop) read(c *lane.Call, shown ...channels.ModelStock) []string {
	return s.took(s.lane.Read(c, shown, channels.Verdict{Outcome: channels.Confirmed}, s.now))
}

func (s *shop) readFails(c *lane.Call, v channels.Verdict) []string {
	return s.took(s.lane.Read(c, nil, v, s.now))
}

// drain confirms and reads until the lane wants nothing and never will, and returns what that wrote.
func (s *shop) drain() (written []string) {
	for range 1000 {
		want, wake := s.lane.Next(s.now)
		switch {
		case want == lane.Push:
			written = append(written, s.confirm(s.start(want))...)
		case want != lane.Nothing:
			written = append(written, s.read(s.start(want))...)
		case wake.IsZero():
			return written
		default:
			s.now = wake
		}
	}
	require.Fail(s.t, "the lane never becomes idle")
	return nil
}

// repushed are the store SKUs that the last step asked to push again.
func (s *shop) repushed() (names []string) {
	for _, r := range s.result.Repush {
		names = append(names, strings.TrimPrefix(r.Key, "shopee/1/"))
	}
	return names
}

// notices are the kinds of the last step's notices.
func (s *shop) notices() (kinds []lane.NoticeKind) {
	for _, n := range s.result.Notices {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func confirmed(qty int64) channels.Verdict {
	return channels.Verdict{Outcome: channels.Confirmed, Qty: qty, RequestID: "r"}
}

func unknown(code schemas.FailureCode) channels.Verdict {
	return channels.Verdict{Code: code, RequestID: "r"}
}

func refused(code schemas.FailureCode) channels.Verdict {
	return channels.Verdict{Outcome: channels.Refused, Code: code, Message: "no", RequestID: "r"}
}

func shopRefused(code schemas.FailureCode) channels.Verdict {
	v := refused(code)
	v.Scope = channels.ScopeShop
	return v
}

func shows(model, qty int64) channels.ModelStock {
	return channels.ModelStock{ModelID: model, Qty: qty}
}

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
	require.Equal(t, []string{"a e2 Skipped by e3, state, settles [2]"}, s.pushed(c, unknown(schemas.TimedOut)), "the state tells of the lost request")
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
	s := newShop(t, func(c *lane.Config) { c.Concurrency = 2 })
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
	s := newShop(t, func(c *lane.Config) { c.Concurrency, c.MaxLines = 1, 1 })
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
	s := newShop(t, func(c *lane.Config) { c.Concurrency = 1 })
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
		want   lane.Health
	}{
		"confirmed":            {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{confirmed(1)}}, lane.Healthy},
		"refused":              {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{refused(schemas.ItemNotFound)}}, lane.Healthy},
		"failure":              {channels.Answer{Calls: 1, Failure: true, Verdicts: []channels.Verdict{unknown(schemas.TimedOut)}}, lane.Unhealthy},
		"failure after one":    {channels.Answer{Calls: 0, Failure: true}, lane.Unhealthy},
		"no call":              {channels.Answer{Verdicts: []channels.Verdict{refused(schemas.AuthorizationLost)}}, lane.Neutral},
		"throttled":            {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{throttled}}, lane.Neutral},
		"throttled for one":    {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{confirmed(1), throttled}}, lane.Neutral},
		"confirmed with words": {channels.Answer{Calls: 1, Verdicts: []channels.Verdict{{Outcome: channels.Confirmed, Code: schemas.RateLimited}}}, lane.Healthy},
	} {
		require.Equal(t, tt.want, lane.HealthOf(&tt.answer), name)
	}
}
