package channels

import (
	"context"
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
func (w *worker) landed(ctx context.Context, c landing, now time.Time) {
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
		w.settle(ctx, l, s, p, c.answer.Verdicts[i], now)
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
	l.hold = &hold{verdict: v, nextProbe: now.Add(w.cfg.ProbeInterval), lastProbe: now, credentials: w.credentials(l.shop)}
}

// settle gives one push its verdict.
func (w *worker) settle(ctx context.Context, l *lane, s *storeSKU, p *push, v Verdict, now time.Time) {
	p.last = &v
	if v.Outcome == Confirmed && v.Qty == p.PushQty() {
		w.succeed(ctx, l, s, p, now)
		return
	}
	if v.Outcome != Refused {
		w.owe(l, s, &p.Event, now)
	}
	switch v.Code.Class() {
	case schemas.ClassThrottle, schemas.ClassInfrastructure:
	case schemas.ClassUnknown, "":
		if p.unknown++; p.unknown >= maxUnknownTries {
			w.fail(ctx, s, p, v, now)
			return
		}
	default:
		w.fail(ctx, s, p, v, now)
		return
	}
	w.again(ctx, l, s, p, now)
}

// again lets a push wait for another try, unless something newer waits or it is too old.
func (w *worker) again(ctx context.Context, l *lane, s *storeSKU, p *push, now time.Time) {
	switch {
	case s.waiting != nil:
		w.skip(ctx, s, p, &s.waiting.Event, now)
	case p.final:
		w.fail(ctx, s, p, *p.last, now)
	default:
		if p.backoff == nil {
			p.backoff = backoff.NewExponentialBackOff()
			p.backoff.MaxInterval = 30 * time.Second
		}
		p.notBefore = now.Add(p.backoff.NextBackOff())
		w.deps.Metrics.retries.Inc()
		l.queue.put(s, p)
	}
}

func (w *worker) succeed(ctx context.Context, l *lane, s *storeSKU, p *push, now time.Time) {
	qty := p.PushQty()
	r := recordOf(p, schemas.Successfully, now)
	r.BeforeQty, r.AfterQty = s.confirmed, &qty
	s.confirmed = &qty
	w.finish(ctx, s, p, r)
}

func (w *worker) fail(ctx context.Context, s *storeSKU, p *push, v Verdict, now time.Time) {
	if p.mends() {
		w.notMended(s, v, now)
		return
	}
	r := recordOf(p, schemas.Failed, now)
	r.BeforeQty = s.confirmed
	r.FailureCode, r.FailureReason, r.PromotionFloor, r.RequestID = v.Code, v.Message, v.Floor, v.RequestID
	if !r.FailureCode.Valid() {
		r.FailureCode = schemas.UnknownFailure
	}
	if p.final && p.attempts == 0 {
		r.FailureCode = schemas.Expired
	}
	w.finish(ctx, s, p, r)
}

func recordOf(p *push, status schemas.Status, now time.Time) schemas.Record {
	r := schemas.RecordOf(p.Event, status)
	r.QueuedAt, r.FinishedAt, r.Attempts, r.RequestID = p.QueuedAt, now, p.attempts, p.requestID()
	return r
}

// finish writes the terminal record, then the state that carries it.
func (w *worker) finish(ctx context.Context, s *storeSKU, p *push, r schemas.Record) {
	w.deps.Metrics.finished(&r)
	s.finish(&r)
	w.out.finish(ctx, r, s, p.offsets)
}
