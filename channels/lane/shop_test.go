package lane_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/channels/sku"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

const (
	linger        = 20 * time.Millisecond
	probeInterval = time.Minute
	confirmAfter  = 10 * time.Second
	maxPendingAge = 24 * time.Hour
)

// shop is a lane with a time that the test sets. Its steps return what they write, as texts.
type shop struct {
	t    require.TestingT
	cfg  *lane.Config
	lane *lane.Lane
	now  time.Time
	// offset is the last event's and command's.
	offset int64
	// result is the last step's.
	result lane.Result
}

func newShop(t require.TestingT, change ...func(*lane.Config)) *shop {
	cfg := &lane.Config{
		MaxPendingAge: maxPendingAge, ShopConcurrency: 4, MaxLines: 50, BatchLinger: linger, ProbeInterval: probeInterval, ConfirmAfter: confirmAfter,
	}
	for _, c := range change {
		c(cfg)
	}
	return &shop{t: t, cfg: cfg, lane: lane.New(cfg), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// keyOf returns the key of a store SKU by its name.
func keyOf(name string) schemas.Key {
	return schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: name}
}

func (s *shop) sku(name string) *sku.SKU { return s.lane.SKU(keyOf(name)) }

func (s *shop) wait(d time.Duration) { s.now = s.now.Add(d) }

// change changes a command before it is offered.
type change func(*lane.Command)

func of(item, model int64) change {
	return func(c *lane.Command) { c.ItemID, c.ModelID = item, model }
}

func in(location string) change { return func(c *lane.Command) { c.LocationID = location } }

func because(r schemas.Reason) change { return func(c *lane.Command) { c.Reason = r } }

func repeats(offset int64) change {
	return func(c *lane.Command) { c.Reason, c.RepeatsOffset = schemas.RefreshInventory, offset }
}

// event makes it a command of the event at an offset.
func event(offset int64) change {
	return func(c *lane.Command) { c.Position.Offset, c.EventID = offset, eventID(offset) }
}

func maybeSent(c *lane.Command) { c.Inherited, c.MaybeSent = true, true }

func inherited(c *lane.Command) { c.Inherited = true }

func queuedAt(at time.Time) change { return func(c *lane.Command) { c.QueuedAt = at } }

func eventID(offset int64) string { return fmt.Sprint("e", offset) }

// command is the next command: an event of an item of its store SKU's own, unless changed.
func (s *shop) command(name string, qty int64, changes ...change) *lane.Command {
	s.offset++
	c := &lane.Command{Offset: s.offset}
	c.QueuedAt, c.Event = s.now, schemas.Event{
		EventID: eventID(s.offset), Key: keyOf(name), Reason: schemas.SyncOrder, ItemID: int64(name[0]), Available: qty, RepeatsOffset: schemas.NoOffset,
		OccurredAt: s.now, TriggeredAt: s.now, Position: schemas.Position{LogID: 1, Offset: s.offset},
	}
	for _, change := range changes {
		change(c)
	}
	c.Encoded = wire.PackEvent(nil, &c.Event)
	return c
}

func (s *shop) offer(name string, qty int64, changes ...change) []string {
	c := s.command(name, qty, changes...)
	r := s.lane.Offer(c, s.now)
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
	text := o.SKU.Key.StoreSKU
	if o.Record != nil {
		r := recordOf(o)
		text += fmt.Sprint(" ", r.EventID, " ", r.Status)
		switch r.Status {
		case schemas.Successfully:
			if r.AfterQty != nil {
				text += fmt.Sprint(" ", *r.AfterQty)
			}
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
	r, err := wire.PackedRecord{Bytes: o.Record}.Record(schemas.Key{})
	if err != nil {
		panic(err)
	}
	return r
}

func (s *shop) want() lane.Want {
	c, _ := s.lane.Next(s.now)
	return c.Want
}

// wake is how long after now the lane wants to be asked again, when it wants nothing; negative for never.
func (s *shop) wake() time.Duration {
	c, wake := s.lane.Next(s.now)
	require.Equal(s.t, lane.Nothing, c.Want)
	if wake.IsZero() {
		return -1
	}
	return wake.Sub(s.now)
}

// start starts the call that the lane wants, which must be of that kind.
func (s *shop) start(kind lane.Want) *lane.Call {
	c, _ := s.lane.Next(s.now)
	actual := c.Want
	require.Equal(s.t, kind, actual)
	s.lane.Start(&c, s.now)
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
	a := lane.ReadAnswer(channels.Verdict{Outcome: channels.Confirmed})
	return s.took(s.lane.Read(c, shown, &a, s.now))
}

func (s *shop) readFails(c *lane.Call, v channels.Verdict) []string {
	a := lane.ReadAnswer(v)
	return s.took(s.lane.Read(c, nil, &a, s.now))
}

// drain confirms and reads until the lane wants nothing and never will, and returns what that wrote.
func (s *shop) drain() (written []string) {
	for range 1000 {
		c, wake := s.lane.Next(s.now)
		switch {
		case c.Want == lane.Push:
			written = append(written, s.confirm(s.start(c.Want))...)
		case c.Want != lane.Nothing:
			written = append(written, s.read(s.start(c.Want))...)
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
		names = append(names, r.Key.StoreSKU)
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
