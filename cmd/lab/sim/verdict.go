package sim

import (
	"time"

	"stockpush/schemas"
)

// verdict checks what must hold once everything has healed and is idle.
func (l *ledger) verdict() {
	if open := l.open(); len(open) > 0 {
		l.w.violate("invariant 1: no final row of %d events, the first is %s", len(open), open[0])
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range l.rejected {
		if e := l.events[at]; e == nil || e.kind != bad {
			l.w.violate("invariant 1: %v was rejected, but is valid", at)
		}
	}
	for at := range l.rows {
		if e := l.events[at]; e == nil || e.kind == bad {
			l.w.violate("invariant 1: a row of %v without an event", at)
		}
	}
	for sku := range l.bySKU {
		l.verdictOn(sku)
	}
}

// beaten returns the events that only repeat and lost against news: another event, itself not
// beaten, lies between what they repeat and themselves.
func beaten(all []*event) map[*event]bool {
	lost := map[*event]bool{}
	for i, e := range all {
		if e.kind != repetition {
			continue
		}
		for _, other := range all[:i] {
			if other.at.offset > e.repeats && !lost[other] {
				lost[e] = true
			}
		}
	}
	return lost
}

// standing returns the events that are not beaten.
func standing(all []*event) (stand []*event) {
	lost := beaten(all)
	for _, e := range all {
		if !lost[e] {
			stand = append(stand, e)
		}
	}
	return stand
}

func (l *ledger) verdictOn(sku int) {
	all := l.bySKU[sku]
	lost := beaten(all)
	byOffset := map[int64]*event{}
	var newest *event
	for _, e := range all {
		byOffset[e.at.offset] = e
		if !lost[e] {
			newest = e
		}
	}
	if newest == nil {
		return
	}
	name := l.w.plan.SKUs[sku].key
	for _, e := range all {
		r := l.rows[e.at]
		switch {
		case lost[e] && r.status != schemas.Skipped:
			l.w.violate("invariant 2: event %d of %s repeats %d and lost against news, but is %v", e.at.offset, name, e.repeats, r.status)
		case e == newest && r.status == schemas.Skipped:
			l.w.violate("invariant 2: event %d of %s is the newest, but Skipped (by %d)", e.at.offset, name, r.supersededBy)
		case r.status == schemas.Skipped:
			l.superseded(sku, e, byOffset[r.supersededBy], r.supersededBy, lost)
		case r.status == schemas.Successfully && !l.confirmed[sku][e.qty]:
			l.w.violate("event %d of %s is Successfully, but its quantity is unconfirmed", e.at.offset, name)
		case r.status == schemas.Failed && !l.failable(sku, r.code):
			l.w.violate("invariant 8: event %d of %s Failed with %s, which has no cause", e.at.offset, name, r.code)
		}
	}
	l.shows(sku, newest)
}

func (l *ledger) superseded(sku int, e, by *event, offset int64, lost map[*event]bool) {
	name := l.w.plan.SKUs[sku].key
	switch {
	case by == nil:
		l.w.violate("event %d of %s is superseded by %d, which is none of its events", e.at.offset, name, offset)
	case lost[e] && by.at.offset > e.repeats && by != e:
	case by.at.offset <= e.at.offset:
		l.w.violate("event %d of %s is superseded by %d, which is not newer", e.at.offset, name, offset)
	}
}

// failable reports whether the market or the product's own rules gave a reason to fail with a code.
func (l *ledger) failable(sku int, code schemas.FailureCode) bool {
	key := l.w.plan.SKUs[sku].key
	said := l.refused[key.String()][code] || l.refused[key.Shop().String()][code]
	switch code.Class() {
	case schemas.ClassThrottle, schemas.ClassInfrastructure:
		return said && l.w.plan.maxPendingAge < time.Hour
	}
	return said || code == schemas.Expired && l.w.plan.maxPendingAge < time.Hour
}

// shows checks that the market shows the newest standing event, that the state has it, and that no
// read-back is pending.
func (l *ledger) shows(sku int, newest *event) {
	of, key := l.w.plan.SKUs[sku].model, l.w.plan.SKUs[sku].key
	state := l.states[key.String()]
	if state.Finished.Position.Offset != newest.at.offset {
		l.w.violate("the state of %s ends with event %d, not with the newest, %d", key, state.Finished.Position.Offset, newest.at.offset)
	}
	if l.rows[newest.at].status != schemas.Successfully {
		return // refused: any quantity is right
	}
	if shown := l.w.market.shows(of); shown != newest.qty {
		rank, _ := l.rank(sku, shown)
		l.w.violate("invariant 2: %s shows %d (event %d), its newest event %d says %d", key, shown, rank, newest.at.offset, newest.qty)
	}
	if state.Readback != nil && state.Finished.Status == schemas.Successfully {
		l.w.violate("%s has a pending read-back in the end", key)
	}
}
