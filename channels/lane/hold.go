package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// minProbeInterval is the least time between probes that people ask for.
const minProbeInterval = 5 * time.Second

// hold is the state of a shop that refuses every push: its authorization is lost, it is
// banned, or our signature or address is refused.
type hold struct {
	verdict   channels.Verdict
	nextProbe time.Time
	lastProbe time.Time
	probing   bool
	// again says that another probe is due when the one in flight ends.
	again bool
	// requested says that a push_now came since the last probe.
	requested bool
	// itemID is an item of the shop, which a probe reads if no push waits; 0 if none is known.
	itemID int64
}

func (h *hold) probeDue(now time.Time) bool {
	return !h.probing && (!now.Before(h.nextProbe) || h.requested && now.Sub(h.lastProbe) >= minProbeInterval)
}

// wake is when the next probe is due.
func (h *hold) wake() time.Time {
	if asked := h.lastProbe.Add(minProbeInterval); h.requested && asked.Before(h.nextProbe) {
		return asked
	}
	return h.nextProbe
}

// Held says whether the shop is held, and by which verdict.
func (l *Lane) Held() (channels.Verdict, bool) {
	if l.hold == nil {
		return channels.Verdict{}, false
	}
	return l.hold.verdict, true
}

// Probe makes a probe due at once if the shop is held: its credentials changed. If a probe
// is in flight, with the earlier credentials, another follows it.
func (l *Lane) Probe(now time.Time) {
	if l.hold != nil {
		l.hold.nextProbe, l.hold.again = now, l.hold.probing
	}
}

// Refuse takes a verdict that the whole shop has without a call: the shop is held.
func (l *Lane) Refuse(v channels.Verdict, now time.Time) Result {
	var r Result
	itemID := int64(0)
	if it := l.queue.oldest(); it != nil {
		itemID = it.id
	}
	l.holdShop(&v, itemID, now, &r)
	l.failWaiting(now, &r)
	return r
}

// FailHeld fails what waits while the shop is held and no probe is due or in flight.
func (l *Lane) FailHeld(now time.Time) Result {
	var r Result
	if l.hold != nil && !l.pause.running() && !l.hold.probing && !l.hold.probeDue(now) {
		l.failWaiting(now, &r)
	}
	return r
}

func (l *Lane) failWaiting(now time.Time, r *Result) {
	for _, s := range l.queue.all() {
		p := l.queue.remove(s)
		l.fail(s, p, &l.hold.verdict, now, r)
	}
}

func (l *Lane) holdShop(v *channels.Verdict, itemID int64, now time.Time, r *Result) {
	if l.hold == nil || l.hold.verdict.Code != v.Code {
		r.Notices = append(r.Notices, Notice{Kind: HoldBegan, Verdict: *v})
	}
	next := now.Add(l.cfg.ProbeInterval)
	if l.hold != nil && l.hold.again {
		next = now
	}
	if itemID == 0 && l.hold != nil {
		itemID = l.hold.itemID
	}
	l.hold = &hold{verdict: *v, nextProbe: next, lastProbe: now, itemID: itemID}
}

// learn takes from an answer what it says about the shop or the app.
func (l *Lane) learn(itemID int64, probe bool, a *channels.Answer, now time.Time, r *Result) {
	refusal := firstRefusal(a)
	if refusal != nil && refusal.Code.Class() == schemas.ClassThrottle {
		r.Throttled = refusal
	}
	switch {
	case refusal != nil && holdsShop(refusal):
		l.holdShop(refusal, itemID, now, r)
	case l.hold == nil || !probe:
	case HealthOf(a) != Healthy:
		l.hold.probing, l.hold.nextProbe = false, now.Add(l.cfg.ProbeInterval) // it said nothing about the hold
	default:
		l.hold = nil
		r.Notices = append(r.Notices, Notice{Kind: HoldEnded})
	}
}

func firstRefusal(a *channels.Answer) *channels.Verdict {
	for i := range a.Verdicts {
		if a.Verdicts[i].Outcome != channels.Confirmed {
			return &a.Verdicts[i]
		}
	}
	return nil
}

func holdsShop(v *channels.Verdict) bool {
	return v.Outcome == channels.Refused && v.Scope == channels.ScopeShop && v.Code.Class() != schemas.ClassThrottle
}

// repush asks for what failed because of a hold that ended. Unless a push was confirmed that is
// one store SKU only: a read that passes does not prove that the shop takes pushes again.
func (l *Lane) repush(wasHeld, confirmed bool, r *Result) {
	if l.hold != nil || !wasHeld && !confirmed {
		return
	}
	for s := range l.failedByHold {
		delete(l.failedByHold, s)
		r.Repush = append(r.Repush, s)
		if !confirmed {
			return
		}
	}
}

// restoreHold holds the shop if a restored record failed because it was held, since the
// earlier owner may have ended before the hold did. A probe is due at once.
func (l *Lane) restoreHold(s *sku.SKU, now time.Time) {
	if s.Last.Status != schemas.Failed {
		return
	}
	last := s.Last.Record()
	if !last.FailureCode.HoldsShop() {
		return
	}
	l.failedByHold[s] = struct{}{}
	if l.hold == nil {
		v := channels.Verdict{
			Outcome: channels.Refused, Code: last.FailureCode, Message: last.FailureReason, RequestID: last.RequestID, Scope: channels.ScopeShop,
		}
		l.hold = &hold{verdict: v, nextProbe: now, itemID: last.ItemID}
	}
}
