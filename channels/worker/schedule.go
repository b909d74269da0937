package worker

import (
	"time"

	"stockpush/channels/due"
	"stockpush/channels/pacer"
)

// schedule has the shops to visit now, in the order in which they were added, and those to visit
// later, by time. A shop in neither waits for a command or an answer.
type schedule struct {
	ready []*shop
	later due.Queue[*shop]
}

// scheduled is a shop's place in a schedule.
type scheduled struct {
	due.Place
	ready bool
	// turn is its place with the pacer.
	turn *pacer.Turn
}

// add schedules a shop for now.
func (q *schedule) add(sh *shop) {
	if !sh.ready {
		sh.ready = true
		q.ready = append(q.ready, sh)
	}
}

// next removes and returns the next shop to visit; nil if none is due.
func (q *schedule) next(now time.Time) *shop {
	for first, ok := q.later.First(); ok && !first.At().After(now); first, ok = q.later.First() {
		q.later.Remove(first)
		q.add(first)
	}
	if len(q.ready) == 0 {
		q.ready = nil
		return nil
	}
	sh := q.ready[0]
	q.ready[0], q.ready = nil, q.ready[1:]
	sh.ready = false
	q.later.Remove(sh)
	return sh
}

// wake is when the next later shop is due; zero for never.
func (q *schedule) wake() time.Time {
	if first, ok := q.later.First(); ok {
		return first.At()
	}
	return time.Time{}
}
