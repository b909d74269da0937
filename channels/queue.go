package channels

import (
	"container/list"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/schemas"
)

// push is a command on its way through a lane.
type push struct {
	schemas.Command
	// offsets are those of the commands topic that this push settles: its own,
	// and those of its repetitions. Empty for a push that we made ourselves.
	offsets []int64
	// notBefore is when it may go out: after the linger, or after a backoff.
	notBefore time.Time
	attempts  uint16
	// unknown counts tries that ended with the failure code unknown.
	unknown int
	// final says that no further try follows: it is too old.
	final bool
	// inherited says that an earlier owner of the partition left it.
	inherited bool
	// pausedBefore is how long the shop had been paused when the push began to wait.
	pausedBefore time.Duration

	backoff *backoff.ExponentialBackOff
	last    Verdict
}

// mends says that it is a push of our own, of an event that has its record already.
func (p *push) mends() bool { return len(p.offsets) == 0 }

func (p *push) line() Line {
	return Line{ModelID: p.ModelID, LocationID: p.LocationID, Qty: p.PushQty()}
}

// storeSKU is a store SKU in a lane: its state, at most one push that waits,
// and at most one in flight.
type storeSKU struct {
	state   schemas.State
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

// item is an item of a shop with pushes that wait.
type item struct {
	id      int64
	flying  bool
	waiting []*storeSKU
	// place is the item's in the queue's order.
	place *list.Element
}

// queue has the waiting pushes of a shop, item by item, in order of arrival. It
// is pure: no clock, no lock, no I/O.
type queue struct {
	items map[int64]*item
	order *list.List
	size  int
}

func newQueue() *queue { return &queue{items: map[int64]*item{}, order: list.New()} }

// each yields the items in the order in which they are due.
func (q *queue) each(yield func(*item) bool) {
	for e := q.order.Front(); e != nil; e = e.Next() {
		if !yield(e.Value.(*item)) {
			return
		}
	}
}

// all lists the store SKUs with a push that waits.
func (q *queue) all() []*storeSKU {
	skus := make([]*storeSKU, 0, q.size)
	for it := range q.each {
		skus = append(skus, it.waiting...)
	}
	return skus
}

// put makes a push the one that waits for its store SKU, and returns the one
// whose place it took, if any. A replaced push leaves its place in the order to
// the new one, if that is of the same item.
func (q *queue) put(s *storeSKU, p *push) (replaced *push) {
	replaced = s.waiting
	if replaced != nil && replaced.ItemID != p.ItemID {
		q.remove(s)
	}
	if s.waiting == nil {
		it := q.item(p.ItemID)
		it.waiting = append(it.waiting, s)
		q.size++
	}
	s.waiting = p
	return replaced
}

func (q *queue) item(id int64) *item {
	it := q.items[id]
	if it == nil {
		it = &item{id: id}
		q.items[id] = it
		it.place = q.order.PushBack(it)
	}
	return it
}

// remove takes a store SKU's waiting push out.
func (q *queue) remove(s *storeSKU) *push {
	p := s.waiting
	it := q.items[p.ItemID]
	it.waiting = slices.DeleteFunc(it.waiting, func(w *storeSKU) bool { return w == s })
	s.waiting = nil
	q.size--
	q.forget(it)
	return p
}

// forget drops an item with nothing to do.
func (q *queue) forget(it *item) {
	if len(it.waiting) > 0 || it.flying {
		return
	}
	delete(q.items, it.id)
	q.order.Remove(it.place)
}

// next is the first item that may go out, or when the first one may.
func (q *queue) next(now time.Time) (it *item, wake time.Time) {
	for it := range q.each {
		if it.flying {
			continue
		}
		for _, s := range it.waiting {
			at := s.waiting.notBefore
			if !at.After(now) {
				return it, time.Time{}
			}
			if wake.IsZero() || at.Before(wake) {
				wake = at
			}
		}
	}
	return nil, wake
}

// depart takes up to MaxLines pushes of an item out, no two of one model, and
// marks them and the item as in flight. Pushes that only linger go along.
func (q *queue) depart(it *item, now time.Time, linger time.Duration) []*storeSKU {
	var going, staying []*storeSKU
	models := map[Line]bool{}
	for _, s := range it.waiting {
		model := Line{ModelID: s.waiting.ModelID, LocationID: s.waiting.LocationID}
		if len(going) == MaxLines || models[model] || s.waiting.notBefore.After(now.Add(linger)) {
			staying = append(staying, s)
			continue
		}
		models[model] = true
		going = append(going, s)
	}
	for _, s := range going {
		s.flying, s.waiting = s.waiting, nil
	}
	it.waiting, it.flying = staying, true
	q.size -= len(going)
	q.order.MoveToBack(it.place) // other items come first now
	return going
}

// land says that an item's call is over.
func (q *queue) land(it *item) {
	it.flying = false
	q.forget(it)
}

// oldest is when the push that waits longest was queued; zero if none waits.
func (q *queue) oldest() time.Time {
	var oldest time.Time
	for it := range q.each {
		for _, s := range it.waiting {
			if at := s.waiting.QueuedAt; oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
	}
	return oldest
}
