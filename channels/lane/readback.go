package lane

import (
	"bytes"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// maxLost is how many quantities with an unknown outcome a read-back keeps. A model has one call
// in flight, so after that many the oldest was applied long ago or will never be.
const maxLost = 16

// requireReadback adds a pending read-back: the outcome of a request with the event is unknown.
func (l *Lane) requireReadback(s *sku.SKU, sent *schemas.Event, now time.Time) {
	required := &schemas.Readback{
		ItemID: sent.ItemID, ModelID: sent.ModelID, Lost: []int64{sent.PushQty()}, BeforeQty: s.ConfirmedQty(),
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
	l.readbackAt = sooner(l.readbackAt, later(s.Readback.NotBefore, now))
}

// nextReadback returns a store SKU whose read-back is due, or when the next will be due; zero
// for never.
func (l *Lane) nextReadback(now time.Time) (due *sku.SKU, wake time.Time) {
	if l.readbackAt.IsZero() || l.readbackAt.After(now) {
		return nil, l.readbackAt
	}
	for s := range l.readbacks {
		switch {
		case !comparable(s):
		case s.Readback.NotBefore.After(now):
			wake = sooner(wake, s.Readback.NotBefore)
		default:
			return s, time.Time{}
		}
	}
	l.readbackAt = wake // a store SKU that becomes comparable lowers it
	return nil, wake
}

// comparable says that the quantity that the model shows can be compared with the last success.
// If it cannot, the next success is read back.
func comparable(s *sku.SKU) bool {
	return s.Idle() && !s.Reading && s.Last.Status == schemas.Successfully
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
	first, _ := l.nextReadback(now)
	c.ItemID = itemOf(first)
	for s := range l.readbacks {
		if s == first || isDue(s, now) && s.Readback.ItemID == c.ItemID && itemOf(s) == c.ItemID {
			s.Reading = true
			c.readbacks = append(c.readbacks, question{s, s.Readback, s.Last.Position})
		}
	}
}

// itemOf returns the item of a store SKU's last event.
func itemOf(s *sku.SKU) int64 {
	e := s.Last.Event()
	return e.ItemID
}

// Read ends a Readback or a ProbeRead with the quantities that the item shows.
func (l *Lane) Read(c *Call, stocks []channels.ModelStock, v channels.Verdict, now time.Time) Result {
	var r Result
	l.inFlight--
	a := ReadAnswer(v)
	l.learn(c, &a, now, &r)
	for _, q := range c.readbacks {
		q.sku.Reading = false
		l.confirm(q, stocks, v, now, &r)
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
func (l *Lane) confirm(q question, stocks []channels.ModelStock, v channels.Verdict, now time.Time, r *Result) {
	s := q.sku
	if s.Readback == nil || !s.Idle() || s.Readback != q.readback || s.Last.Position != q.of {
		return // a newer push is read back instead
	}
	if v.Outcome != channels.Confirmed && v.Code != schemas.ItemNotFound {
		s.Readback.NotBefore = now.Add(l.cfg.ConfirmAfter)
		return
	}
	last := s.Last.Record()
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
	p := &sku.Push{
		Event:  sku.Event{Position: s.Last.Position, Encoded: bytes.Clone(schemas.PackedEventOf(s.Last.Encoded))},
		ItemID: last.ItemID, ModelID: last.ModelID, LocationID: last.LocationID, QueuedAt: last.QueuedAt.UnixMilli(), Offset: schemas.NoOffset,
		NotBefore: now, PausedBefore: l.pause.total(now), Attempts: last.Attempts,
	}
	l.enqueue(s, p, &last.Event, now, r)
}

// repairRefused keeps the read-back of a repair push that was refused: its record stays
// Successfully, so nothing else would try again.
func (l *Lane) repairRefused(s *sku.SKU, v *channels.Verdict, now time.Time, r *Result) {
	r.Notices = append(r.Notices, Notice{Kind: RepairRefused, Verdict: *v, StoreSKU: s.Key})
	pending := *s.Readback
	pending.NotBefore = now.Add(l.cfg.ProbeInterval)
	s.Readback = &pending
	l.expectReadback(s, now)
	r.add(Outcome{SKU: s, SaveState: true})
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
