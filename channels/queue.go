package channels

import (
	"container/heap"
	"container/list"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/schemas"
)

// push is a command on its way through a lane.
type push struct {
	*schemas.Command
	// offsets are those of the commands topic that this push settles: its own,
	// and those of its repetitions. Empty for a push that we made ourselves.
	offsets []int64
	// notBefore is when it may go out: after the linger, or after a backoff.
	notBefore time.Time
	attempts  uint16
	// unknown counts tries that ended with the failure code unknown.
	unknown uint8
	// final says that no further try follows: it is too old.
	final bool
	// inherited says that an earlier owner of the partition left it.
	inherited bool
	// pausedBefore is how long the shop had been paused when the push began to wait.
	pausedBefore time.Duration

	backoff *backoff.ExponentialBackOff
	last    *Verdict
}

// mends says that it is a push of our own, of an event that has its record already.
func (p *push) mends() bool { return len(p.offsets) == 0 }

func (p *push) line() Line {
	return Line{ModelID: p.ModelID, LocationID: p.LocationID, Qty: p.PushQty()}
}

// requestID is that of the last answer; empty before the first.
func (p *push) requestID() string {
	if p.last == nil {
		return ""
	}
	return p.last.RequestID
}

// storeSKU is a store SKU in a lane: what stands of it, at most one push that
// waits, and at most one in flight.
type storeSKU struct {
	standing
	waiting *push
	flying  *push
	// reading says that a read-back is on its way.
	reading bool
	// unsaved says that the state topic does not know of the duty to read back.
	unsaved bool
	// storing counts states that wait for their record's acknowledgement. A state
	// that is written meanwhile would be older than it when both are read again.
	storing int
}

// push is the push of an event, if it waits or flies.
func (s *storeSKU) push(of schemas.Position) *push {
	for _, p := range []*push{s.waiting, s.flying} {
		if p != nil && p.Position == of {
			return p
		}
	}
	return nil
}

// idle says that nothing is under way but a read-back.
func (s *storeSKU) idle() bool { return s.waiting == nil && s.flying == nil && s.storing == 0 }

// item is an item of a shop with pushes that wait. It is due, or is looked at
// later, or its call is in flight; gone when nothing of it waits or flies.
type item struct {
	id      int64
	flying  bool
	waiting []*storeSKU
	// due is its place among the items that are due, nil if it is not there.
	due *list.Element
	// at is when it is looked at later: no push of it is due before. Turn breaks
	// ties, and index is its place in the heap, counted from 1.
	at    time.Time
	turn  uint64
	index int
}

// earliest is when the first push of an item may go out.
func (it *item) earliest() time.Time {
	at := it.waiting[0].waiting.notBefore
	for _, s := range it.waiting[1:] {
		if s.waiting.notBefore.Before(at) {
			at = s.waiting.notBefore
		}
	}
	return at
}

// queue has the waiting pushes of a shop, item by item: items that are due take
// turns, in the order in which they became it. However many wait, each step
// looks at few. It is pure: no clock, no lock, no I/O.
type queue struct {
	items map[int64]*item
	due   *list.List
	later itemsByTime
	turns uint64
	size  int
}

func newQueue() *queue { return &queue{items: map[int64]*item{}, due: list.New()} }

// all lists the store SKUs with a push that waits.
func (q *queue) all() []*storeSKU {
	skus := make([]*storeSKU, 0, q.size)
	for _, it := range q.items {
		skus = append(skus, it.waiting...)
	}
	return skus
}

// put makes a push the one that waits for its store SKU, and returns the one
// whose place it took, if any. It goes out no later than that one would have, if
// that is of the same item.
func (q *queue) put(s *storeSKU, p *push) (replaced *push) {
	replaced = s.waiting
	switch {
	case replaced != nil && replaced.ItemID == p.ItemID:
		if replaced.notBefore.Before(p.notBefore) {
			p.notBefore = replaced.notBefore
		}
	case replaced != nil:
		q.remove(s)
	}
	it := q.item(p.ItemID)
	if s.waiting == nil {
		it.waiting = append(it.waiting, s)
		q.size++
	}
	s.waiting = p
	if !it.flying && it.due == nil && (it.index == 0 || p.notBefore.Before(it.at)) {
		q.plan(it, p.notBefore)
	}
	return replaced
}

func (q *queue) item(id int64) *item {
	it := q.items[id]
	if it == nil {
		it = &item{id: id}
		q.items[id] = it
	}
	return it
}

// plan lets an item be looked at later.
func (q *queue) plan(it *item, at time.Time) {
	q.unplan(it)
	q.turns++
	it.at, it.turn = at, q.turns
	heap.Push(&q.later, it)
}

// unplan takes an item out of the order.
func (q *queue) unplan(it *item) {
	if it.due != nil {
		q.due.Remove(it.due)
		it.due = nil
	}
	if it.index > 0 {
		heap.Remove(&q.later, it.index-1)
	}
}

// remove takes a store SKU's waiting push out.
func (q *queue) remove(s *storeSKU) *push {
	p := s.waiting
	it := q.items[p.ItemID]
	it.waiting = slices.DeleteFunc(it.waiting, func(w *storeSKU) bool { return w == s })
	s.waiting = nil
	q.size--
	if len(it.waiting) == 0 && !it.flying {
		q.unplan(it)
		delete(q.items, it.id)
	}
	return p
}

// next is the first item that may go out, or when the first one may.
func (q *queue) next(now time.Time) (it *item, wake time.Time) {
	for len(q.later) > 0 && !q.later[0].at.After(now) {
		it := heap.Pop(&q.later).(*item)
		it.due = q.due.PushBack(it)
	}
	for e := q.due.Front(); e != nil; e = q.due.Front() {
		it := e.Value.(*item)
		at := it.earliest()
		if !at.After(now) {
			return it, time.Time{}
		}
		q.plan(it, at) // the push that was due has gone
	}
	if len(q.later) > 0 {
		wake = q.later[0].at
	}
	return nil, wake
}

// depart takes up to most pushes of an item out, no two of one model, and marks
// them and the item as in flight. Pushes that would be due by then go along.
func (q *queue) depart(it *item, then time.Time, most int) []*storeSKU {
	var going, staying []*storeSKU
	models := map[Line]bool{}
	for _, s := range it.waiting {
		model := Line{ModelID: s.waiting.ModelID, LocationID: s.waiting.LocationID}
		if len(going) == most || models[model] || s.waiting.notBefore.After(then) {
			staying = append(staying, s)
			continue
		}
		models[model] = true
		going = append(going, s)
	}
	for _, s := range going {
		s.flying, s.waiting = s.waiting, nil
	}
	q.unplan(it)
	it.waiting, it.flying = staying, true
	q.size -= len(going)
	return going
}

// land says that an item's call is over. Other items that are due come before it.
func (q *queue) land(it *item) {
	it.flying = false
	if len(it.waiting) > 0 {
		q.plan(it, it.earliest())
		return
	}
	delete(q.items, it.id)
}

// oldest is when the push that waits longest was queued; zero if none waits.
func (q *queue) oldest() time.Time {
	var oldest time.Time
	for _, it := range q.items {
		for _, s := range it.waiting {
			if at := s.waiting.QueuedAt; oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
	}
	return oldest
}

// itemsByTime is a heap of items.
type itemsByTime []*item

func (h itemsByTime) Len() int { return len(h) }

func (h itemsByTime) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].turn < h[j].turn
	}
	return h[i].at.Before(h[j].at)
}

func (h itemsByTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push is heap.Interface's.
func (h *itemsByTime) Push(x any) {
	it := x.(*item)
	*h = append(*h, it)
	it.index = len(*h)
}

// Pop is heap.Interface's.
func (h *itemsByTime) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.index = 0
	return it
}
