package lane

import (
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

const (
	// maxUnknownRefusals is how often a push is tried whose refusal is unknown.
	maxUnknownRefusals = 3
	// maxBackoff is the longest time between two tries of a push, without jitter.
	maxBackoff = 30 * time.Second
)

// Pushed ends a Push with its answer, which has a verdict for each store SKU.
func (l *Lane) Pushed(c *Call, a *channels.Answer, now time.Time) Result {
	r := Result{Outcomes: make([]Outcome, 0, len(c.SKUs))}
	l.inFlight--
	confirmed := false
	l.learn(c, a, now, &r)
	for i, s := range c.SKUs {
		confirmed = confirmed || a.Verdicts[i].Outcome == channels.Confirmed
		p := s.InFlight
		s.InFlight = nil
		p.Attempts += uint16(a.Calls)
		l.settle(s, p, &a.Verdicts[i], now, &r)
		l.queue.unblock(s)
	}
	l.giveReadbacks(now, &r)
	l.takeReadbacks(c, a, now, &r)
	l.queue.release(c.item, now)
	if confirmed || a.Health() == channels.Healthy {
		l.repush(confirmed, &r)
	}
	return r
}

// settle applies a verdict to its push.
func (l *Lane) settle(s *sku.SKU, p *sku.Push, v *channels.Verdict, now time.Time, r *Result) {
	if succeeded(s, v) {
		l.succeed(s, p, v, now, r)
		return
	}
	p.RequestID = v.RequestID
	if v.Outcome != channels.Refused {
		sent := p.Decode()
		l.requireReadback(s, &sent, now)
	}
	if v.Outcome != channels.Refused || l.mayRetry(p, v) {
		l.retry(s, p, v, now, r)
	} else {
		l.fail(s, p, v, now, r)
	}
}

// succeeded says whether a verdict confirms what was sent.
func succeeded(s *sku.SKU, v *channels.Verdict) bool {
	return v.Outcome == channels.Confirmed && v.Qty == s.SentQty
}

// mayRetry says whether a refused push is retried.
func (l *Lane) mayRetry(p *sku.Push, v *channels.Verdict) bool {
	switch v.Code.Class() {
	case schemas.ClassThrottle, schemas.ClassInfrastructure:
		return true
	case schemas.ClassUnknown, "":
		p.UnknownRefusals++
		return p.UnknownRefusals < maxUnknownRefusals
	default:
		return false
	}
}

// retry queues a push for another try, unless a newer one waits or it is too old.
func (l *Lane) retry(s *sku.SKU, p *sku.Push, v *channels.Verdict, now time.Time, r *Result) {
	switch {
	case s.Waiting != nil:
		by := s.Waiting.Decode()
		l.skip(s, p, &by, now, r)
	case p.Final:
		l.fail(s, p, v, now, r)
	default:
		if p.Backoff == nil {
			p.Backoff = backoff.NewExponentialBackOff()
			p.Backoff.MaxInterval = maxBackoff
		}
		p.NotBefore = now.Add(p.Backoff.NextBackOff())
		r.Retries++
		l.queue.put(s, p)
		if !p.IsRepair() { // whose event is not Pending
			r.Tried = append(r.Tried, Try{s, v.Code, v.Message})
		}
	}
}

func (l *Lane) succeed(s *sku.SKU, p *sku.Push, v *channels.Verdict, now time.Time, r *Result) {
	record := recordOf(p, schemas.Successfully, now)
	record.BeforeQty, record.RequestID = s.Confirmed, v.RequestID
	if !v.Shadow {
		confirmed := v.Qty
		s.Confirmed, record.AfterQty = &confirmed, &confirmed
	}
	if p.IsRepair() && s.Last.Position != p.Position { // the last record is that of a newer event, which failed meanwhile
		r.add(Outcome{SKU: s, SaveState: true, Offsets: p.Offsets()})
		return
	}
	if p.IsRepair() { // the record stays, apart from what the repair adds
		last := s.LastRecord()
		record.BeforeQty, record.FinishedAt = last.BeforeQty, last.FinishedAt
	}
	l.finish(s, p, &record, r)
}

func (l *Lane) fail(s *sku.SKU, p *sku.Push, v *channels.Verdict, now time.Time, r *Result) {
	if p.IsRepair() {
		l.repairRefused(s, p, v, now, r)
		return
	}
	record := recordOf(p, schemas.Failed, now)
	record.BeforeQty, record.RequestID = s.Confirmed, v.RequestID
	record.FailureCode, record.FailureReason, record.PromotionFloor = v.Code, v.Message, v.Floor
	switch {
	case p.Final && p.Attempts == 0:
		record.FailureCode = schemas.Expired
	case !v.Code.Valid():
		record.FailureCode = schemas.UnknownFailure
	default:
		record.ShopRefused = holdsShop(v)
	}
	l.finish(s, p, &record, r)
	if s.Readback != nil && s.Waiting == nil && !holdsShop(v) {
		r.unchecked = append(r.unchecked, s)
	}
	if holdsShop(v) {
		l.unpushed[s] = struct{}{}
	}
}
