package lane

import (
	"cmp"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/sku"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// maxLost is how many quantities with an unknown outcome a read-back keeps. A model has one call
// in flight, so after that many the oldest was applied long ago or will never be.
const maxLost = 16

// requireReadback adds a pending read-back: the outcome of a request with the event is unknown.
func (l *Lane) requireReadback(s *sku.SKU, sent *schemas.Event, now time.Time) {
	required := &schemas.Readback{
		ItemID: sent.ItemID, ModelID: sent.ModelID, Lost: []int64{sent.PushQty()}, BeforeQty: s.Confirmed,
		NotBefore: now.Add(l.cfg.ConfirmAfter),
	}
	if isOf(s.Readback, sent) {
		required.Lost = addLost(s.Readback.Lost, sent.PushQty())
	}
	s.Readback, s.Unsaved = required, true
	l.expectReadback(s, now)
}

// isOf says whether a read-back of the event's model is pending.
func isOf(pending *schemas.Readback, e *schemas.Event) bool {
	return pending != nil && pending.ItemID == e.ItemID && pending.ModelID == e.ModelID
}

// sentBefore says whether an inherited command may have been in flight although the state has a
// newer event: the earlier owner may have written it meanwhile.
func sentBefore(s *sku.SKU, e *schemas.Event) bool {
	return e.Position == s.Sent && s.Sent.Newer(s.Last.Position) && (s.Readback == nil || isOf(s.Readback, e))
}

// addLost appends a quantity to earlier ones, each once.
func addLost(earlier []int64, qty int64) []int64 {
	lost := append(slices.DeleteFunc(slices.Clone(earlier), func(q int64) bool { return q == qty }), qty)
	return lost[max(0, len(lost)-maxLost):]
}

func (l *Lane) expectReadback(s *sku.SKU, now time.Time) {
	l.readbacks[s] = struct{}{}
	l.readbackAt = due.Earlier(l.readbackAt, due.Later(s.Readback.NotBefore, now))
}

// takeReadbacks gives the read-backs that other store SKUs have of a stock to the one whose push
// it confirmed last: theirs would compare it with an earlier quantity and push that again.
func (l *Lane) takeReadbacks(c *Call, a *channels.Answer, now time.Time, r *Result) {
	if len(l.readbacks) == 0 {
		return
	}
	confirmed := map[stock]*sku.SKU{}
	for i, s := range c.SKUs {
		if v := &a.Verdicts[i]; succeeded(s, v) && !v.Shadow {
			confirmed[stock{c.ItemID, c.Lines[i].ModelID, c.Lines[i].LocationID}] = s
		}
	}
	for other := range l.readbacks {
		if other.Readback.ItemID != c.ItemID || hasCommand(other) {
			continue // the success of its command is read back
		}
		if s := confirmed[readbackOf(other)]; s != nil && s != other {
			l.takeReadback(s, other, now, r)
		}
	}
}

// readbackOf returns what the read-back of a store SKU is of.
func readbackOf(s *sku.SKU) stock {
	e := s.NewestEvent()
	return stock{s.Readback.ItemID, s.Readback.ModelID, e.LocationID}
}

// giveReadbacks gives the read-backs of store SKUs whose pushes failed to those whose push the same
// stock confirmed last: a failed push has no quantity to compare with.
func (l *Lane) giveReadbacks(now time.Time, r *Result) {
	if len(r.unchecked) == 0 {
		return
	}
	last := map[stock]*sku.SKU{}
	for _, s := range r.unchecked {
		last[readbackOf(s)] = nil
	}
	l.findConfirmed(last)
	for _, s := range r.unchecked {
		to := last[readbackOf(s)]
		if to == nil {
			continue
		}
		pending := *s.Readback
		pending.BeforeQty = nil // to may have been confirmed after that
		s.Readback = &pending
		r.add(Outcome{SKU: to, SaveState: true})
		l.takeReadback(to, s, now, r)
	}
}

// findConfirmed sets the store SKU whose push each stock confirmed last. It leaves out those with a
// command, whose success is read back.
func (l *Lane) findConfirmed(last map[stock]*sku.SKU) {
	for _, s := range l.skus {
		if s.Last.Status != schemas.Successfully || s.Last.Shadow || hasCommand(s) {
			continue
		}
		record := s.LastRecord()
		at := stock{record.ItemID, record.ModelID, record.LocationID}
		if best, wanted := last[at]; wanted && (best == nil || record.FinishedAt.After(finishedAt(best))) {
			last[at] = s
		}
	}
}

func finishedAt(s *sku.SKU) time.Time {
	r := s.LastRecord()
	return r.FinishedAt
}

// hasCommand says that a push which is no repair waits or is in flight.
func hasCommand(s *sku.SKU) bool {
	return s.InFlight != nil || s.Waiting != nil && !s.Waiting.IsRepair()
}

// takeReadback gives the read-back of another store SKU to s, and drops its repair push.
func (l *Lane) takeReadback(s, other *sku.SKU, now time.Time, r *Result) {
	s.Readback, other.Readback = merge(other.Readback, s.Readback), nil
	delete(l.readbacks, other)
	l.expectReadback(s, now)
	o := Outcome{SKU: other, SaveState: true}
	if other.Waiting != nil {
		o.Offsets = l.queue.remove(other).Offsets()
	}
	r.add(o)
}

// merge adds what an older read-back knows to a newer one, unless that is nil or of another model.
func merge(older, newer *schemas.Readback) *schemas.Readback {
	if newer == nil || newer.ItemID != older.ItemID || newer.ModelID != older.ModelID {
		return older
	}
	merged := *newer
	merged.Lost = older.Lost
	for _, qty := range newer.Lost {
		merged.Lost = addLost(merged.Lost, qty)
	}
	merged.BeforeQty, merged.NotBefore = cmp.Or(newer.BeforeQty, older.BeforeQty), due.Later(newer.NotBefore, older.NotBefore)
	return &merged
}

// nextReadback returns a store SKU whose read-back is due, or when the next will be due; zero
// for never.
func (l *Lane) nextReadback(now time.Time) (s *sku.SKU, wake time.Time) {
	if l.cfg.Shadow {
		return nil, time.Time{}
	}
	if l.readbackAt.IsZero() || l.readbackAt.After(now) {
		return nil, l.readbackAt
	}
	for s := range l.readbacks {
		switch {
		case !comparable(s):
		case s.Readback.NotBefore.After(now):
			wake = due.Earlier(wake, s.Readback.NotBefore)
		default:
			return s, time.Time{}
		}
	}
	l.readbackAt = wake // a store SKU that becomes comparable lowers it
	return nil, wake
}

// comparable says that the quantity that the model shows can be compared with the last success.
// If it cannot, the next success is read back. What a shadow pushed is not shown.
func comparable(s *sku.SKU) bool {
	return s.Idle() && !s.Reading && s.Last.Status == schemas.Successfully && !s.Last.Shadow
}

func isDue(s *sku.SKU, now time.Time) bool {
	return comparable(s) && !s.Readback.NotBefore.After(now)
}

// question is what a read-back confirms of a store SKU.
type question struct {
	sku      *sku.SKU
	readback *schemas.Readback
	of       schemas.Position
}

// startReadback reads an item back for each of its store SKUs that is due: after a call with an
// unknown outcome these are all its models.
func (l *Lane) startReadback(c *Call, now time.Time) {
	for s := range l.readbacks {
		if s == c.due || isDue(s, now) && s.Readback.ItemID == c.ItemID && itemOf(s) == c.ItemID {
			s.Reading = true
			c.readbacks = append(c.readbacks, question{s, s.Readback, s.Last.Position})
		}
	}
}

// itemOf returns the item of a store SKU's last event.
func itemOf(s *sku.SKU) int64 {
	e := s.LastEvent()
	return e.ItemID
}

// Read ends a Readback or a ProbeRead with the quantities that the item shows; a is a ReadAnswer.
func (l *Lane) Read(c *Call, stocks []channels.ModelStock, a *channels.Answer, now time.Time) Result {
	var r Result
	l.inFlight--
	l.learn(c, a, now, &r)
	for _, q := range c.readbacks {
		q.sku.Reading = false
		l.confirm(q, stocks, &a.Verdicts[0], now, &r)
	}
	l.readbackAt = now
	if c.probe {
		l.repush(false, &r)
	}
	return r
}

// ReadAnswer is a read's verdict as the answer to a call. It counts as one call, though a read
// may need two requests, or none of a shop without authorization.
func ReadAnswer(v channels.Verdict) channels.Answer {
	return channels.Answer{Verdicts: []channels.Verdict{v}, Calls: 1, Failure: v.Code.Class() == schemas.ClassInfrastructure}
}

// confirm compares the quantity that a model shows with the one that was sent, and repairs it
// if a request with an unknown outcome may have been applied later. A deleted model is left.
func (l *Lane) confirm(q question, stocks []channels.ModelStock, v *channels.Verdict, now time.Time, r *Result) {
	s := q.sku
	if s.Readback == nil || !s.Idle() || s.Readback != q.readback || s.Last.Position != q.of {
		return // a newer push is read back instead
	}
	if v.Outcome != channels.Confirmed && v.Code != schemas.ItemNotFound {
		s.Readback.NotBefore = now.Add(l.cfg.ConfirmAfter)
		return
	}
	last := s.LastRecord()
	shown, found := quantityOf(stocks, &last.Event)
	if found && needsRepair(shown, last.PushQty(), s.Readback) {
		l.repair(s, &last, now, r)
		return
	}
	s.Readback = nil
	delete(l.readbacks, s)
	r.add(Outcome{SKU: s, SaveState: true})
}

// repair pushes the last event of a store SKU again.
func (l *Lane) repair(s *sku.SKU, last *schemas.Record, now time.Time, r *Result) {
	r.Repairs++
	s.Readback.NotBefore = now.Add(l.cfg.ConfirmAfter)
	again := Command{Offset: schemas.NoOffset, Command: wire.Command{
		Command: schemas.Command{Event: last.Event, QueuedAt: last.QueuedAt}, Encoded: s.Last.PackedEvent(),
	}}
	p := l.newPush(&again, now)
	p.NotBefore, p.Attempts = now, last.Attempts
	if replaced := l.queue.put(s, p); replaced != nil {
		l.skip(s, replaced, &last.Event, now, r)
	}
}

// repairRefused keeps the read-back of a repair push that was refused: its record stays
// Successfully, so nothing else would try again.
func (l *Lane) repairRefused(s *sku.SKU, p *sku.Push, v *channels.Verdict, now time.Time, r *Result) {
	r.Notices = append(r.Notices, Notice{Kind: RepairRefused, Verdict: *v, StoreSKU: s.Key.String()})
	pending := *s.Readback
	pending.NotBefore = now.Add(l.cfg.ProbeInterval)
	s.Readback = &pending
	l.expectReadback(s, now)
	r.add(Outcome{SKU: s, SaveState: true, Offsets: p.Duplicates})
}

func quantityOf(stocks []channels.ModelStock, e *schemas.Event) (qty int64, found bool) {
	for _, s := range stocks {
		if s.ModelID == e.ModelID && (e.LocationID == "" || s.LocationID == e.LocationID) {
			return s.Qty, true
		}
	}
	return 0, false
}

// needsRepair says whether a model shows a quantity of a request with an unknown outcome, the one
// before it, or more than was sent. Less than was sent is what buyers took since.
func needsRepair(shown, sent int64, pending *schemas.Readback) bool {
	before := pending.BeforeQty != nil && *pending.BeforeQty == shown
	return shown != sent && (shown > sent || slices.Contains(pending.Lost, shown) || before)
}
