package channels

import (
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/schemas"
)

// maxUnknownTries is how often a push with an answer that we do not know is tried.
const maxUnknownTries = 3

// landing is a call that is over.
type landing struct {
	lane   *lane
	item   *item
	going  []*storeSKU
	done   func(error)
	answer Answer
}

// landed applies a call's verdicts, each to its own store SKU.
func (w *worker) landed(c landing, now time.Time) {
	l := c.lane
	l.flying--
	w.agenda.add(l)
	l.report(c.done, c.answer, w.cfg.Breaker, now)
	w.deps.Metrics.called(c.answer)
	w.learn(l, c.item.id, c.answer, now)
	for i, s := range c.going {
		p := s.flying
		s.flying = nil
		p.attempts += uint16(c.answer.Calls)
		w.settle(s, p, &c.answer.Verdicts[i], now)
		l.queue.release(s, now)
	}
	l.queue.land(c.item)
}

// learn takes from an answer what it says about more than its models.
func (w *worker) learn(l *lane, itemID int64, a Answer, now time.Time) {
	refusal := Verdict{Outcome: Confirmed}
	for _, v := range a.Verdicts {
		if v.Outcome != Confirmed {
			refusal = v
			break
		}
	}
	if refusal.Outcome != Confirmed && refusal.Code.Class() == schemas.ClassThrottle {
		if w.pacer.throttle(l.turn, refusal, now) {
			w.deps.Logger.Warn("the app is held: no shop is pushed until then", "until", refusal.HoldUntil, "code", refusal.Code, "said", refusal.Message)
		}
	}
	held := refusal.Outcome == Refused && refusal.Scope == ScopeShop && refusal.Code.Class() != schemas.ClassThrottle
	switch {
	case held:
		w.holdShop(l, refusal, now)
		l.hold.itemID = itemID
	case l.hold != nil && l.hold.probing && (a.Failure || isThrottle(a) || a.Calls == 0):
		l.hold.probing, l.hold.nextProbe = false, now.Add(w.cfg.ProbeInterval) // it said nothing about the hold
	case l.hold != nil && l.hold.probing:
		w.deps.Logger.Info("the shop takes pushes again", "shop_id", l.shop.ID)
		l.hold = nil
	}
}

func (w *worker) holdShop(l *lane, v Verdict, now time.Time) {
	if l.hold == nil || l.hold.verdict.Code != v.Code {
		w.deps.Logger.Warn("the shop is held: its pushes fail until a probe passes",
			"shop_id", l.shop.ID, "code", v.Code, "said", v.Message, "hint", v.Code.Hint())
	}
	l.hold = &hold{verdict: v, nextProbe: now.Add(w.cfg.ProbeInterval), lastProbe: now, credentials: w.deps.Channel.Credentials(l.shop.ID)}
}

// settle gives one push its verdict.
func (w *worker) settle(s *storeSKU, p *push, v *Verdict, now time.Time) {
	if v.Outcome == Confirmed && v.Qty == s.past.sentQty {
		w.succeed(s, p, v, now)
		return
	}
	p.more().last = v
	if v.Outcome != Refused {
		lost := p.unpack()
		w.owe(s.lane, s, &lost, now)
	}
	switch v.Code.Class() {
	case schemas.ClassThrottle, schemas.ClassInfrastructure:
	case schemas.ClassUnknown, "":
		if p.unknown++; p.unknown >= maxUnknownTries {
			w.fail(s, p, v, now)
			return
		}
	default:
		w.fail(s, p, v, now)
		return
	}
	w.again(s, p, v, now)
}

// again lets a push wait for another try, unless something newer waits or it is too old.
func (w *worker) again(s *storeSKU, p *push, v *Verdict, now time.Time) {
	t := p.more()
	switch {
	case s.waiting != nil:
		by := s.waiting.unpack()
		w.skip(s, p, &by, now)
	case p.final:
		w.fail(s, p, v, now)
	default:
		if t.backoff == nil {
			t.backoff = backoff.NewExponentialBackOff()
			t.backoff.MaxInterval = 30 * time.Second
		}
		p.notBefore = s.lane.queue.since(now.Add(t.backoff.NextBackOff()))
		w.deps.Metrics.retries.Inc()
		s.lane.queue.put(s, p)
	}
}

func (w *worker) succeed(s *storeSKU, p *push, v *Verdict, now time.Time) {
	r := recordOf(p, schemas.Successfully, now)
	r.BeforeQty, r.AfterQty, r.RequestID = s.confirmed(), &v.Qty, v.RequestID
	s.past.confirmed = v.Qty
	w.finish(s, p, &r, now)
}

func (w *worker) fail(s *storeSKU, p *push, v *Verdict, now time.Time) {
	if p.mends() {
		w.notMended(s, v, now)
		return
	}
	r := recordOf(p, schemas.Failed, now)
	r.BeforeQty = s.confirmed()
	r.FailureCode, r.FailureReason, r.PromotionFloor, r.RequestID = v.Code, v.Message, v.Floor, v.RequestID
	if !r.FailureCode.Valid() {
		r.FailureCode = schemas.UnknownFailure
	}
	if p.final && p.attempts == 0 {
		r.FailureCode = schemas.Expired
	}
	w.finish(s, p, &r, now)
}

// recordOf is the record of a push; of its event it has only when it was triggered.
func recordOf(p *push, status schemas.Status, now time.Time) schemas.Record {
	r := schemas.RecordOf(schemas.Event{TriggeredAt: p.triggered()}, status)
	r.QueuedAt, r.FinishedAt, r.Attempts = p.queued(), now, p.attempts
	return r
}

// recordRoom is what most records take beside their event.
const recordRoom = 112

// finish writes the terminal record, then the state that carries it.
func (w *worker) finish(s *storeSKU, p *push, r *schemas.Record, now time.Time) {
	w.deps.Metrics.finished(r, now)
	record := schemas.AppendPackedRecord(s.recordRoom(p.Position, len(p.packed)+recordRoom), p.packed, r)
	s.finish(finished{p.Position, r.Status, record})
	w.out.finish(s, record, p)
}
