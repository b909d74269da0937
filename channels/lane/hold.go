package lane

import (
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

const (
	// minProbeInterval is the shortest time between requested probes.
	minProbeInterval = 5 * time.Second
	// maxRepush is how many store SKUs are pushed again after one answer. Their answers bring
	// the next ones, so the pushes of a large shop are spread over time.
	maxRepush = 500
)

// hold is the state of a held shop, which refuses every push: its authorization is lost, it is
// banned, or our signature or address is refused.
type hold struct {
	verdict   channels.Verdict
	nextProbe time.Time
	// lastProbe is when the last call was refused or the last probe started; zero if there was none.
	lastProbe time.Time
	probing   bool
	// requested says that a push_now came since the last probe started, or the credentials changed.
	requested bool
	// itemID is an item of the shop that a probe can read.
	itemID int64
}

// endProbe ends a probe that failed.
func (h *hold) endProbe(next time.Time) { h.probing, h.nextProbe = false, next }

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

// NextProbe is when the next probe of a held shop is due; zero if none is, or if one is in flight.
func (l *Lane) NextProbe() time.Time {
	if l.hold == nil || l.hold.probing {
		return time.Time{}
	}
	return l.hold.wake()
}

// Probe requests a probe if the shop is held, because its credentials changed. If a probe with
// the earlier credentials is in flight, another one follows.
func (l *Lane) Probe() {
	if l.hold != nil {
		l.hold.requested = true
	}
}

// RoutineProbe says that Next wants a probe that was not requested.
func (l *Lane) RoutineProbe() bool { return l.hold != nil && !l.hold.requested }

// PostponeProbe makes the next probe due later. Until then the shop's pushes fail.
func (l *Lane) PostponeProbe(at time.Time) { l.hold.nextProbe = at }

// Refuse holds the shop with the verdict that every call would get. It replaces Start of the
// call that Next wanted.
func (l *Lane) Refuse(c *Call, v channels.Verdict, now time.Time) Result {
	var r Result
	wasHeld := l.hold != nil
	l.holdShop(&v, c.ItemID, now, &r)
	l.hold.requested = false
	if !wasHeld {
		l.hold.lastProbe = time.Time{}
	}
	l.hold.endProbe(now.Add(l.cfg.ProbeInterval))
	l.failWaiting(now, &r)
	return r
}

// FailHeld fails the waiting pushes if the shop is held and no probe is due or in flight.
func (l *Lane) FailHeld(now time.Time) Result {
	var r Result
	if l.hold != nil && !l.pause.running() && !l.hold.probing && !l.hold.probeDue(now) {
		l.failWaiting(now, &r)
	}
	return r
}

func (l *Lane) failWaiting(now time.Time, r *Result) {
	skus, pushes := l.queue.removeAll()
	for i, s := range skus {
		l.fail(s, pushes[i], &l.hold.verdict, now, r)
	}
	l.giveReadbacks(now, r)
}

// holdShop holds the shop after a refusal of an item. If it is already held its probes stay as
// they are: the call may have started before them.
func (l *Lane) holdShop(v *channels.Verdict, itemID int64, now time.Time, r *Result) {
	if l.hold == nil {
		l.hold = &hold{nextProbe: now.Add(l.cfg.ProbeInterval), lastProbe: now}
	}
	if l.hold.verdict.Code != v.Code {
		r.Notices = append(r.Notices, Notice{Kind: HoldBegan, Verdict: *v})
	}
	l.hold.verdict, l.hold.itemID = *v, itemID
}

// learn applies what a call's answer says about the shop or the app.
func (l *Lane) learn(c *Call, a *channels.Answer, now time.Time, r *Result) {
	refusal := a.FirstRefusal()
	if refusal != nil && refusal.Code.Class() == schemas.ClassThrottle {
		r.Throttled = refusal
	}
	holds := refusal != nil && holdsShop(refusal)
	if holds {
		l.holdShop(refusal, c.ItemID, now, r)
	}
	switch {
	case !c.probe:
	case holds, a.Health() != channels.Healthy, showsNothing(a): // the last two do not show whether the hold ended
		l.hold.endProbe(now.Add(l.cfg.ProbeInterval))
	default:
		l.hold = nil
		r.Notices = append(r.Notices, Notice{Kind: HoldEnded})
	}
}

// showsNothing says that every verdict is unknown, as after a panic of the channel.
func showsNothing(a *channels.Answer) bool {
	return !slices.ContainsFunc(a.Verdicts, func(v channels.Verdict) bool { return v.Outcome != channels.Unknown })
}

func holdsShop(v *channels.Verdict) bool {
	return v.Outcome == channels.Refused && v.Scope == channels.ScopeShop && v.Code.Class() != schemas.ClassThrottle
}

// Resume begins to push again what an earlier owner pushed in shadow mode only. It is called once,
// after the last Restore.
func (l *Lane) Resume() Result {
	var r Result
	l.repush(false, &r)
	return r
}

// repush lists store SKUs to push again, unless the shop is held: up to maxRepush after a
// confirmed push, otherwise one, since only a confirmed push proves that the shop accepts pushes.
func (l *Lane) repush(confirmed bool, r *Result) {
	if l.hold != nil {
		return
	}
	most := 1
	if confirmed {
		most = maxRepush
	}
	for s := range l.unpushed {
		if len(r.Repush) == most {
			return
		}
		delete(l.unpushed, s)
		r.Repush = append(r.Repush, s)
	}
}

// restoreHold holds the shop if a restored record failed because the shop was refused: the hold
// may not have ended. A probe is due at once.
func (l *Lane) restoreHold(s *sku.SKU, now time.Time) {
	if s.Last.Status != schemas.Failed {
		return
	}
	last := s.LastRecord()
	if !last.ShopRefused {
		return
	}
	l.unpushed[s] = struct{}{}
	if l.hold == nil {
		v := channels.Verdict{
			Outcome: channels.Refused, Code: last.FailureCode, Message: last.FailureReason, RequestID: last.RequestID, Scope: channels.ScopeShop,
		}
		l.hold = &hold{verdict: v, nextProbe: now, itemID: last.ItemID}
	}
}
