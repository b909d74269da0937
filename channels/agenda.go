package channels

import (
	"container/heap"
	"time"
)

// agenda knows which lanes to look at now, in the order in which that was found
// out, and which later, the soonest first. A lane in neither waits for a command
// or a result. It is pure.
type agenda struct {
	ready []*lane
	later lanesByTime
}

// planned is a lane's place in an agenda.
type planned struct {
	ready bool
	// at is when to look at it later, and index its place in the heap, counted from 1.
	at    time.Time
	index int
}

// add lets a lane be looked at now.
func (a *agenda) add(l *lane) {
	if !l.planned.ready {
		l.planned.ready = true
		a.ready = append(a.ready, l)
	}
}

// next is the next lane to look at, nil if none is due. It is in the agenda no longer.
func (a *agenda) next(now time.Time) *lane {
	for len(a.later) > 0 && !a.later[0].planned.at.After(now) {
		a.add(heap.Pop(&a.later).(*lane))
	}
	if len(a.ready) == 0 {
		a.ready = nil
		return nil
	}
	l := a.ready[0]
	a.ready = a.ready[1:]
	l.planned.ready = false
	a.forget(l)
	return l
}

// plan lets a lane be looked at later.
func (a *agenda) plan(l *lane, at time.Time) {
	a.forget(l)
	l.planned.at = at
	heap.Push(&a.later, l)
}

func (a *agenda) forget(l *lane) {
	if l.planned.index > 0 {
		heap.Remove(&a.later, l.planned.index-1)
	}
}

// wake is when the next lane is due that is not due now; zero for never.
func (a *agenda) wake() time.Time {
	if len(a.later) == 0 {
		return time.Time{}
	}
	return a.later[0].planned.at
}

// lanesByTime is a heap of lanes.
type lanesByTime []*lane

func (h lanesByTime) Len() int           { return len(h) }
func (h lanesByTime) Less(i, j int) bool { return h[i].planned.at.Before(h[j].planned.at) }

func (h lanesByTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].planned.index, h[j].planned.index = i+1, j+1
}

// Push is heap.Interface's.
func (h *lanesByTime) Push(x any) {
	l := x.(*lane)
	*h = append(*h, l)
	l.planned.index = len(*h)
}

// Pop is heap.Interface's.
func (h *lanesByTime) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	l.planned.index = 0
	return l
}
