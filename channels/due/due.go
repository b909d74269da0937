// Package due has a queue of things by the time when each is due, and compares such times. It is
// pure: no clock.
package due

import (
	"container/heap"
	"time"
)

// Place is a thing's place in a Queue. The thing embeds it.
type Place struct {
	at time.Time
	// turn breaks ties: what was put first is first.
	turn uint64
	// index is counted from 1; 0 if it is in no queue.
	index int
}

func (p *Place) place() *Place { return p }

// Queued says whether it is in a queue.
func (p *Place) Queued() bool { return p.index > 0 }

// At is when it is due.
func (p *Place) At() time.Time { return p.at }

// Queue has things by when they are due. Its zero value is empty.
type Queue[T interface{ place() *Place }] struct {
	things ordered[T]
	turns  uint64
}

// Put puts a thing where it belongs for a time, behind others of the same time.
func (q *Queue[T]) Put(thing T, at time.Time) {
	q.Remove(thing)
	q.turns++
	p := thing.place()
	p.at, p.turn = at, q.turns
	heap.Push(&q.things, thing)
}

// Remove removes a thing if it is there.
func (q *Queue[T]) Remove(thing T) {
	if p := thing.place(); p.Queued() {
		heap.Remove(&q.things, p.index-1)
	}
}

// First returns the thing that is due first; false if there is none.
func (q *Queue[T]) First() (thing T, ok bool) {
	if len(q.things) == 0 {
		return thing, false
	}
	return q.things[0], true
}

// All are the things, in no order. The caller does not change the queue meanwhile.
func (q *Queue[T]) All() []T { return q.things }

// ordered implements heap.Interface.
type ordered[T interface{ place() *Place }] []T

func (h ordered[T]) Len() int { return len(h) }

func (h ordered[T]) Less(i, j int) bool {
	a, b := h[i].place(), h[j].place()
	if a.at.Equal(b.at) {
		return a.turn < b.turn
	}
	return a.at.Before(b.at)
}

func (h ordered[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place().index, h[j].place().index = i+1, j+1
}

func (h *ordered[T]) Push(x any) {
	*h = append(*h, x.(T))
	(*h)[len(*h)-1].place().index = len(*h)
}

func (h *ordered[T]) Pop() any {
	last := len(*h) - 1
	thing := (*h)[last]
	thing.place().index = 0
	clear((*h)[last:])
	*h = (*h)[:last]
	return thing
}

// Earlier is the earlier of two times; zero counts as never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
