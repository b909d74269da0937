package lane_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// world is a shop at a marketplace that loses answers and applies lost requests late, with
// a log of commands that its owner reads again after it ended.
type world struct {
	*shop
	r     *rapid.T
	stock map[model]int64
	late  []late
	calls []*lane.Call

	commands []*command
	settled  map[int64]bool
	// moved is by how much a store SKU's item changed.
	moved map[string]int64
	// saved are the states as they were written.
	saved map[string][]byte
	// ended are the terminal records by event.
	ended map[int64]schemas.Record
	// sent are the newest events sent.
	sent map[string]schemas.Position
}

// names are those of the store SKUs.
var names = []string{"a", "b", "c", "d"}

// command is a command of a store SKU.
type command struct {
	lane.Command
	name string
}

type model struct{ item, model int64 }

// late is a request that is applied when its time comes.
type late struct {
	model
	qty int64
	at  time.Time
}

func newWorld(r *rapid.T) *world {
	return &world{
		r: r, stock: map[model]int64{}, settled: map[int64]bool{}, saved: map[string][]byte{}, ended: map[int64]schemas.Record{}, sent: map[string]schemas.Position{}, moved: map[string]int64{},
		shop: newShop(r, func(c *lane.Config) {
			c.ShopConcurrency, c.MaxLines = rapid.IntRange(1, 3).Draw(r, "concurrency"), rapid.IntRange(1, 3).Draw(r, "max lines")
			c.MaxPendingAge = time.Hour
		}),
	}
}

// target is the model of a store SKU, which another store SKU's item has too. The item may
// change, but not back.
func (w *world) target(name string) change {
	if rapid.IntRange(0, 9).Draw(w.r, "moved") == 9 {
		w.moved[name] += 2
	}
	index := int64(slices.Index(names, name))
	return of(1+index%2+w.moved[name], index)
}

func (w *world) event() {
	name := rapid.SampledFrom(names).Draw(w.r, "store SKU")
	changes := []change{w.target(name)}
	known := w.eventsOf(name)
	switch kind := rapid.SampledFrom([]string{"news", "news", "news", "push now", "repeat", "again"}).Draw(w.r, "kind"); {
	case kind == "push now":
		changes = append(changes, because(schemas.PushNow))
	case kind == "repeat" && len(known) > 0:
		changes = append(changes, repeats(rapid.SampledFrom(known).Draw(w.r, "repeated")))
	case kind == "again" && len(known) > 0:
		again := w.commandOf(rapid.SampledFrom(known).Draw(w.r, "again")).Command
		w.offset++
		again.Offset = w.offset
		w.add(name, &again)
		return
	}
	w.add(name, w.command(name, rapid.Int64Range(0, 5).Draw(w.r, "qty"), changes...))
}

func (w *world) eventsOf(name string) (offsets []int64) {
	for _, c := range w.commands {
		if c.name == name {
			offsets = append(offsets, c.Position.Offset)
		}
	}
	return offsets
}

func (w *world) commandOf(event int64) *command {
	return w.commands[slices.IndexFunc(w.commands, func(c *command) bool { return c.Position.Offset == event })]
}

func (w *world) add(name string, c *lane.Command) {
	w.commands = append(w.commands, &command{*c, name})
	w.write(w.lane.Offer(c, w.now))
}

// write writes a step's outcomes.
func (w *world) write(r lane.Result) {
	w.result = r
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.Record != nil {
			w.end(recordOf(o))
		}
		if o.SaveState {
			w.saved[o.SKU.Key.StoreSKU] = o.SKU.Encode()
		}
		for _, offset := range o.Offsets {
			require.False(w.r, w.settled[offset], "offset %d was settled twice", offset)
			w.settled[offset] = true
		}
	}
}

// end takes a terminal record. Of two records of an event the higher status is the truth, so a
// later one may only be lower.
func (w *world) end(r schemas.Record) {
	require.True(w.r, r.Status.Terminal())
	before, ended := w.ended[r.Position.Offset]
	switch {
	case !ended:
		w.ended[r.Position.Offset] = r
	case r.Status == before.Status:
		require.Equal(w.r, before.FailureCode, r.FailureCode, "event %d failed twice", r.Position.Offset)
	default:
		require.Less(w.r, r.Status, before.Status, "event %d ended twice", r.Position.Offset)
	}
}

func (w *world) pass() {
	w.wait(rapid.SampledFrom([]time.Duration{1, linger, time.Second, 6 * time.Second, confirmAfter, time.Minute, time.Hour}).Draw(w.r, "time"))
	w.applyLate()
}

func (w *world) applyLate() {
	w.late = slices.DeleteFunc(w.late, func(l late) bool {
		if l.at.After(w.now) {
			return false
		}
		w.stock[l.model] = l.qty
		return true
	})
}

// startCall starts what the lane wants.
func (w *world) startCall() {
	w.write(w.lane.FailHeld(w.now))
	c, _ := w.lane.Next(w.now)
	if c.Want == lane.Nothing {
		return
	}
	w.lane.Start(&c, w.now)
	for _, other := range w.calls {
		require.False(w.r, c.Want == lane.Push && other.Want == lane.Push && other.ItemID == c.ItemID, "two pushes of an item in flight")
	}
	require.LessOrEqual(w.r, len(c.Lines), w.cfg.MaxLines)
	w.calls = append(w.calls, &c)
	require.LessOrEqual(w.r, len(w.calls), w.cfg.ShopConcurrency)
	for s := range w.lane.SKUs() {
		if name := s.Key.StoreSKU; s.InFlight != nil {
			require.False(w.r, w.sent[name].Newer(s.InFlight.Position), "%s was sent after something newer", name)
			w.sent[name] = s.InFlight.Position
		}
	}
}

// endCall ends a call: each line is confirmed, refused, or lost, unless all have one fate.
func (w *world) endCall(verdict func(line channels.Line) channels.Verdict, item verdictOfItem) {
	if len(w.calls) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.calls)-1).Draw(w.r, "call")
	c := w.calls[i]
	w.calls = slices.Delete(w.calls, i, i+1)
	if c.Want != lane.Push {
		a := lane.ReadAnswer(item.read())
		var shown []channels.ModelStock
		for m, qty := range w.stock {
			if m.item == c.ItemID {
				shown = append(shown, shows(m.model, qty))
			}
		}
		w.write(w.lane.Read(c, shown, &a, w.now))
		return
	}
	a := channels.Answer{Calls: 1}
	for _, line := range c.Lines {
		v := verdict(line)
		w.apply(model{c.ItemID, line.ModelID}, line.Qty, v.Outcome)
		a.Verdicts = append(a.Verdicts, v)
		a.Failure = a.Failure || v.Code.Class() == schemas.ClassInfrastructure
	}
	w.write(w.lane.Pushed(c, &a, w.now))
}

type verdictOfItem struct{ read func() channels.Verdict }

// apply does to the stock what a verdict may mean.
func (w *world) apply(m model, qty int64, o channels.Outcome) {
	switch {
	case o == channels.Confirmed:
		w.stock[m] = qty
	case o == channels.Unknown && rapid.Bool().Draw(w.r, "applied"):
		w.late = append(w.late, late{m, qty, w.now.Add(time.Duration(rapid.IntRange(0, 9).Draw(w.r, "late")) * time.Second)})
		w.applyLate()
	}
}

func (w *world) randomVerdict(line channels.Line) channels.Verdict {
	codes := schemas.FailureCodes()
	switch rapid.SampledFrom([]string{"ok", "ok", "ok", "lost", "lost", "refused", "retry", "shop"}).Draw(w.r, "verdict") {
	case "ok":
		return confirmed(line.Qty)
	case "lost":
		return unknown(schemas.TimedOut)
	case "refused":
		return refused(rapid.SampledFrom(codes).Draw(w.r, "code"))
	case "retry":
		return refused(schemas.RateLimited)
	default:
		return banned
	}
}

func (w *world) randomRead() channels.Verdict {
	return rapid.SampledFrom([]channels.Verdict{
		{Outcome: channels.Confirmed}, {Outcome: channels.Confirmed}, unknown(schemas.TimedOut), refused(schemas.ItemNotEditable), banned,
	}).Draw(w.r, "read")
}

func (w *world) refuseAll() {
	if c, _ := w.lane.Next(w.now); c.Want != lane.Nothing {
		w.write(w.lane.Refuse(&c, shopRefused(schemas.AuthorizationLost), w.now))
	}
}

// restart ends the owner: the next restores what was saved, and reads the commands again
// from the first that is not settled.
func (w *world) restart() {
	for _, c := range w.calls {
		for _, line := range c.Lines {
			w.apply(model{c.ItemID, line.ModelID}, line.Qty, channels.Unknown)
		}
	}
	w.calls, w.lane = nil, lane.New(w.cfg)
	for _, name := range names {
		state, err := wire.SplitState(w.saved[name])
		if err == nil {
			w.sku(name).Restore(&state)
			w.lane.Restore(w.sku(name), w.now)
		}
	}
	first := 0
	for first < len(w.commands) && w.settled[w.commands[first].Offset] {
		first++
	}
	for _, c := range w.commands[first:] {
		delete(w.settled, c.Offset)
		again := c.Command
		again.Inherited, again.MaybeSent = true, true
		w.write(w.lane.Offer(&again, w.now))
	}
}

// finish lets every call pass from now on, until the lane wants nothing more.
func (w *world) finish() {
	w.lane.SetPaused(false, w.now)
	pass := func(line channels.Line) channels.Verdict { return confirmed(line.Qty) }
	read := verdictOfItem{func() channels.Verdict { return channels.Verdict{Outcome: channels.Confirmed} }}
	for range 10_000 {
		w.startCall()
		if len(w.calls) > 0 {
			w.endCall(pass, read)
			continue
		}
		c, wake := w.lane.Next(w.now)
		switch {
		case c.Want != lane.Nothing:
		case wake.IsZero():
			return
		default:
			require.True(w.r, wake.After(w.now), "the lane wakes up without a cause")
			w.now = wake
			w.applyLate()
		}
	}
	require.Fail(w.r, "the lane never becomes idle")
}

func TestLaneKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r)
		r.Repeat(map[string]func(*rapid.T){
			"event":   func(*rapid.T) { w.event() },
			"events":  func(*rapid.T) { w.event() },
			"time":    func(*rapid.T) { w.pass() },
			"start":   func(*rapid.T) { w.startCall() },
			"linger":  func(*rapid.T) { w.wait(linger); w.applyLate(); w.startCall() },
			"end":     func(*rapid.T) { w.endCall(w.randomVerdict, verdictOfItem{w.randomRead}) },
			"pause":   func(r *rapid.T) { w.lane.SetPaused(rapid.Bool().Draw(r, "paused"), w.now) },
			"refuse":  func(*rapid.T) { w.refuseAll() },
			"probe":   func(*rapid.T) { w.lane.Probe() },
			"restart": func(*rapid.T) { w.restart() },
		})
		w.finish()
		w.check()
	})
}

// check holds when nothing is left to do.
func (w *world) check() {
	require.Zero(w.r, w.lane.Stats(w.now).Waiting)
	require.Zero(w.r, w.lane.InFlight())
	_, isHeld := w.lane.Held()
	require.False(w.r, isHeld)
	for _, c := range w.commands {
		require.True(w.r, w.settled[c.Offset], "offset %d is not settled", c.Offset)
		require.Contains(w.r, w.ended, c.Position.Offset, "the event has no record")
	}
	for s := range w.lane.SKUs() {
		name := s.Key.StoreSKU
		require.True(w.r, s.Idle(), name)
		if s.Last.Status == schemas.Successfully {
			e := s.LastEvent()
			require.Nil(w.r, s.Readback, name)
			require.Equal(w.r, e.PushQty(), w.stock[model{e.ItemID, e.ModelID}], name)
		}
	}
}
