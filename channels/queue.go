package channels

import (
	"container/heap"
	"math"
	"time"

	"stockpush/schemas"
)

// storeSKU is a store SKU in a lane: what stands of it, at most one push that
// waits, and at most one in flight.
type storeSKU struct {
	standing
	// known is what it is found by.
	known *known
	// lane is nil until a command of it comes, or something is owed.
	lane    *lane
	waiting *push
	flying  *push
	// storing counts states that wait for their record's acknowledgement. A state
	// that is written meanwhile would be older than it when both are read again.
	storing int32
	// reading says that a read-back is on its way.
	reading bool
	// unsaved says that the state topic does not know of the duty to read back.
	unsaved bool
	// listed says that it is among those awake, and used that something came of it lately.
	listed, used bool
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
	waiting ring // first: behind the last pointer the collector reads nothing
	id      int64
	// at is when it is looked at later: no push of it is due before. Turn breaks ties; of one
	// that is due it is its place in the line.
	at   time.Duration
	turn uint32
	// index is its place in the heap, counted from 1, or says where else it is.
	index int32
}

// Where an item is that is not in the heap of those that are looked at later.
const (
	nowhere  int32 = 0
	inFlight int32 = -1
	isDue    int32 = -2
)

func (it *item) flying() bool { return it.index == inFlight }

// line is items that are due, in the order in which they became it, with gaps where one left.
type line struct {
	items []*item
	// front is the place of the first of them; places are counted on, and may go round.
	front uint32
}

func (l *line) enter(it *item) {
	it.index, it.turn = isDue, l.front+uint32(len(l.items))
	l.items = append(l.items, it)
}

func (l *line) leave(it *item) {
	l.items[it.turn-l.front] = nil
	it.index = nowhere
	for len(l.items) > 0 && l.items[0] == nil {
		l.items = l.items[1:]
		l.front++
	}
	if len(l.items) == 0 {
		l.items = nil
	}
}

// first is the item that became due first; nil if none is.
func (l *line) first() *item {
	if len(l.items) == 0 {
		return nil
	}
	return l.items[0]
}

// earliest is when the first push of an item may go out.
func (it *item) earliest() time.Duration {
	at := never
	for k := range it.waiting.all() {
		at = min(at, k.notBefore())
	}
	return at
}

// queue has the waiting pushes of a shop, item by item: items that are due take
// turns, in the order in which they became it. However many wait, each step
// looks at few. It is pure: no clock, no lock, no I/O.
type queue struct {
	clock
	// lane is whose pushes these are; what rests does not know.
	lane  *lane
	items map[int64]*item
	due   line
	later itemsByTime
	turns uint32
	size  int
}

func newQueue(now time.Time) *queue {
	return &queue{clock: clock{now}, items: map[int64]*item{}}
}

// all lists the store SKUs with a push that waits.
func (q *queue) all() []*storeSKU {
	skus := make([]*storeSKU, 0, q.size)
	for _, it := range q.items {
		for k := range it.waiting.all() {
			skus = append(skus, q.awake(k))
		}
	}
	return skus
}

func (q *queue) awake(k *known) *storeSKU {
	s := k.awake()
	s.lane = q.lane
	return s
}

// never is when a push may go out that waits for its own store SKU.
const never = 100 * 365 * 24 * time.Hour

// put makes a push the one that waits for its store SKU, and returns the one
// whose place it took, if any. It goes out no later than that one would have, if
// that is of the same item.
func (q *queue) put(s *storeSKU, p *push) (replaced *push) {
	replaced = s.waiting
	switch {
	case replaced != nil && replaced.itemID == p.itemID:
		p.notBefore = min(p.notBefore, replaced.notBefore)
	case replaced != nil:
		q.remove(s)
	}
	if s.flying != nil && s.flying.itemID != p.itemID {
		p.notBefore = never // its store SKU has another item since: it waits for the push in flight
	}
	it := q.item(p.itemID)
	if s.waiting == nil {
		it.waiting.add(s.known)
		q.size++
	}
	s.waiting = p
	if it.index == nowhere || it.index > 0 && p.notBefore < it.at {
		q.plan(it, p.notBefore)
	}
	return replaced
}

// release lets what waits for a store SKU's push in flight go out, which has landed.
func (q *queue) release(s *storeSKU, now time.Time) {
	if s.waiting == nil || s.waiting.notBefore != never {
		return
	}
	s.waiting.notBefore = q.since(now)
	if it := q.items[s.waiting.itemID]; it.index > 0 {
		q.plan(it, s.waiting.notBefore)
	}
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
func (q *queue) plan(it *item, at time.Duration) {
	q.unplan(it)
	q.turns++
	it.at, it.turn = at, q.turns
	heap.Push(&q.later, it)
}

// unplan takes an item out of the order.
func (q *queue) unplan(it *item) {
	switch {
	case it.index == isDue:
		q.due.leave(it)
	case it.index > 0:
		heap.Remove(&q.later, int(it.index)-1)
	}
}

// remove takes a store SKU's waiting push out.
func (q *queue) remove(s *storeSKU) *push {
	p := s.waiting
	it := q.items[p.itemID]
	it.waiting.drop(func(k *known) bool { return k == s.known })
	s.waiting = nil
	q.size--
	if it.waiting.empty() && !it.flying() {
		q.unplan(it)
		delete(q.items, it.id)
	}
	return p
}

// next is the first item that may go out, or when the first one may.
func (q *queue) next(now time.Time) (it *item, wake time.Time) {
	then := q.since(now)
	for len(q.later) > 0 && q.later[0].at <= then {
		q.due.enter(heap.Pop(&q.later).(*item))
	}
	for it := q.due.first(); it != nil; it = q.due.first() {
		at := it.earliest()
		if at <= then {
			return it, time.Time{}
		}
		q.plan(it, at) // the push that was due has gone
	}
	if len(q.later) > 0 {
		wake = q.at(q.later[0].at)
	}
	return nil, wake
}

// depart takes up to most pushes of an item out, no two of one model, and marks
// them and the item as in flight. Pushes that would be due by then go along.
func (q *queue) depart(it *item, then time.Time, most int) []*storeSKU {
	going := make([]*storeSKU, 0, it.waiting.count(most))
	by := q.since(then)
	it.waiting.drop(func(k *known) bool {
		if len(going) == most || k.notBefore() > by || goesAlready(going, q.awake(k).waiting) {
			return false
		}
		going = append(going, k.sku)
		return true
	})
	for _, s := range going {
		s.flying, s.waiting = s.waiting, nil
	}
	q.unplan(it)
	it.index = inFlight
	q.size -= len(going)
	return going
}

// goesAlready says whether a push is of the model of one that goes. There are few:
// looking at them is faster than a map.
func goesAlready(going []*storeSKU, p *push) bool {
	for _, s := range going {
		if s.waiting.modelID == p.modelID && s.waiting.locationID() == p.locationID() {
			return true
		}
	}
	return false
}

// land says that an item's call is over. Other items that are due come before it.
func (q *queue) land(it *item) {
	it.index = nowhere
	if !it.waiting.empty() {
		q.plan(it, it.earliest())
		return
	}
	delete(q.items, it.id)
}

// oldest is when the push that waits longest was queued; zero if none waits.
func (q *queue) oldest() time.Time {
	if q.size == 0 {
		return time.Time{}
	}
	oldest := int64(math.MaxInt64)
	for _, it := range q.items {
		for k := range it.waiting.all() {
			oldest = min(oldest, k.queuedAt())
		}
	}
	return time.UnixMilli(oldest)
}

// itemsByTime is a heap of items.
type itemsByTime []*item

func (h itemsByTime) Len() int { return len(h) }

func (h itemsByTime) Less(i, j int) bool {
	if h[i].at == h[j].at {
		return int32(h[i].turn-h[j].turn) < 0 // it may have gone round
	}
	return h[i].at < h[j].at
}

func (h itemsByTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i+1), int32(j+1)
}

// Push is heap.Interface's.
func (h *itemsByTime) Push(x any) {
	it := x.(*item)
	*h = append(*h, it)
	it.index = int32(len(*h))
}

// Pop is heap.Interface's.
func (h *itemsByTime) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.index = nowhere
	return it
}
