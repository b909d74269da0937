package worker

import (
	"container/heap"
	"time"

	"stockpush/channels/pacer"
)

// schedule has the shops to visit now, in the order in which they were added, and those to visit
// later, by time. A shop in neither waits for a command or an answer.
type schedule struct {
	ready []*shop
	later shopHeap
}

// scheduled is a shop's place in a schedule.
type scheduled struct {
	ready bool
	// at is when to visit it, and index its place in the heap, counted from 1.
	at    time.Time
	index int
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
	for len(q.later) > 0 && !q.later[0].at.After(now) {
		q.add(heap.Pop(&q.later).(*shop))
	}
	if len(q.ready) == 0 {
		q.ready = nil
		return nil
	}
	sh := q.ready[0]
	q.ready[0], q.ready = nil, q.ready[1:]
	sh.ready = false
	q.forget(sh)
	return sh
}

// plan schedules a shop for later.
func (q *schedule) plan(sh *shop, at time.Time) {
	q.forget(sh)
	sh.at = at
	heap.Push(&q.later, sh)
}

func (q *schedule) forget(sh *shop) {
	if sh.index > 0 {
		heap.Remove(&q.later, sh.index-1)
	}
}

// wake is when the next later shop is due; zero for never.
func (q *schedule) wake() time.Time {
	if len(q.later) == 0 {
		return time.Time{}
	}
	return q.later[0].at
}

// shopHeap orders shops by time.
type shopHeap []*shop

func (h shopHeap) Len() int           { return len(h) }
func (h shopHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h shopHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (h *shopHeap) Push(x any) {
	sh := x.(*shop)
	*h = append(*h, sh)
	sh.index = len(*h)
}

// Pop implements heap.Interface.
func (h *shopHeap) Pop() any {
	last := len(*h) - 1
	sh := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	sh.index = 0
	return sh
}
