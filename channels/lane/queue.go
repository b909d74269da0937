package lane

import (
	"cmp"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/sku"
)

// queue has the waiting pushes of a shop by item. Items are called in the order in which they
// become due, and each has at most one call in flight.
type queue struct {
	items map[int64]*item
	order due.Queue[*item]
	// size is how many pushes wait.
	size int
}

// item is an item of the shop with pushes that wait or are in flight.
type item struct {
	// Place says when the item is due, or earlier.
	due.Place
	id       int64
	waiting  []*sku.SKU
	inFlight bool
	// shared says that two store SKUs named one stock of it: only then their order matters.
	shared bool
}

// stock is what a model of an item has at a location.
type stock struct {
	itemID, modelID int64
	locationID      string
}

func stockOf(p *sku.Push) stock { return stock{p.ItemID, p.ModelID, p.LocationID} }

// put queues a push and returns the waiting push of the same store SKU that it replaced; nil if
// none. If both are of the same item, the new one is due no later than the replaced one.
func (q *queue) put(s *sku.SKU, p *sku.Push) (replaced *sku.Push) {
	replaced = s.Waiting
	if replaced != nil && replaced.ItemID != p.ItemID {
		q.remove(s)
	}
	it := q.item(p.ItemID)
	it.shared = it.shared || slices.ContainsFunc(it.waiting, func(other *sku.SKU) bool {
		return other != s && stockOf(other.Waiting) == stockOf(p)
	})
	switch {
	case s.Waiting == nil:
		it.waiting = append(it.waiting, s)
		q.size++
	case replaced.NotBefore.Before(p.NotBefore):
		p.NotBefore = replaced.NotBefore
	}
	s.Waiting = p
	q.replan(it, time.Time{})
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

// remove removes a store SKU's waiting push.
func (q *queue) remove(s *sku.SKU) *sku.Push {
	p := s.Waiting
	it := q.items[p.ItemID]
	it.waiting = slices.DeleteFunc(it.waiting, func(other *sku.SKU) bool { return other == s })
	s.Waiting = nil
	q.size--
	q.replan(it, time.Time{})
	return p
}

// replan puts an item into the heap if one of its pushes can become due, and removes it if not.
// The item is not due before notBefore; zero sets no bound.
func (q *queue) replan(it *item, notBefore time.Time) {
	at, ok := it.due()
	switch {
	case !ok:
		q.order.Remove(it)
	case it.Queued() && !at.Before(it.At()):
		return // next checks again at it.At
	default:
		q.order.Put(it, due.Later(at, notBefore))
	}
	if len(it.waiting) == 0 && !it.inFlight {
		delete(q.items, it.id)
	}
}

// due is when the first push of the item may be sent; false if none may.
func (it *item) due() (at time.Time, ok bool) {
	if it.inFlight {
		return time.Time{}, false
	}
	first := it.first()
	for _, s := range it.waiting {
		if !first.blocks(s) && (!ok || s.Waiting.NotBefore.Before(at)) {
			at, ok = s.Waiting.NotBefore, true
		}
	}
	return at, ok
}

// order has the push of each stock of an item that precedes the others; nil if no stock has two.
type order map[stock]*sku.Push

// first finds the waiting push of each stock that precedes the others.
func (it *item) first() order {
	if !it.shared {
		return nil
	}
	first := make(order, len(it.waiting))
	for _, s := range it.waiting {
		of := stockOf(s.Waiting)
		if known := first[of]; known == nil || precedes(s.Waiting, known) {
			first[of] = s.Waiting
		}
	}
	return first
}

// blocks says that a waiting push waits for another push to end: the one in flight of the same
// store SKU, which had another item then, or the waiting one of an earlier command of the same stock.
func (o order) blocks(s *sku.SKU) bool {
	if s.InFlight != nil && s.InFlight.ItemID != s.Waiting.ItemID {
		return true
	}
	return o != nil && o[stockOf(s.Waiting)] != s.Waiting
}

// precedes says whether a push is of an earlier command than another one of the same stock. Of two
// repair pushes, which have no command, the one of the older event precedes.
func precedes(p, of *sku.Push) bool {
	return cmp.Or(cmp.Compare(p.Offset, of.Offset), p.Compare(of.Position), cmp.Compare(p.Partition, of.Partition)) < 0
}

// next is the first item that is due, or the time when the first will be; zero for never.
func (q *queue) next(now time.Time) (it *item, wake time.Time) {
	for {
		first, ok := q.order.First()
		if !ok {
			return nil, time.Time{}
		}
		if first.At().After(now) {
			return nil, first.At()
		}
		at, due := first.due()
		if due && !at.After(now) {
			return first, time.Time{}
		}
		q.order.Remove(first) // the push that was due is gone
		q.replan(first, time.Time{})
	}
}

// oldest returns the item of the push that was queued first; nil if no push may be sent.
func (q *queue) oldest() *item {
	var oldest *item
	var since time.Time
	for _, it := range q.order.All() {
		order := it.first()
		for _, s := range it.waiting {
			if at := s.Waiting.QueuedAt; !order.blocks(s) && (oldest == nil || at.Before(since)) {
				oldest, since = it, at
			}
		}
	}
	return oldest
}

// take takes up to most pushes of an item that are due by then. It marks them and the item as
// in flight.
func (q *queue) take(it *item, by time.Time, most int) (pushes []*sku.SKU, lines []channels.Line) {
	first := it.first()
	pushes = make([]*sku.SKU, 0, min(most, len(it.waiting)))
	for _, s := range it.waiting {
		if len(pushes) < most && !first.blocks(s) && !s.Waiting.NotBefore.After(by) {
			pushes = append(pushes, s)
		}
	}
	lines = make([]channels.Line, len(pushes))
	for i, s := range pushes {
		s.InFlight, s.Waiting = s.Waiting, nil
		lines[i] = channels.Line{ModelID: s.InFlight.ModelID, LocationID: s.InFlight.LocationID, Qty: s.InFlight.Qty}
	}
	it.waiting = slices.DeleteFunc(it.waiting, func(s *sku.SKU) bool { return s.Waiting == nil })
	q.size -= len(pushes)
	it.inFlight = true
	q.replan(it, time.Time{})
	return pushes, lines
}

// release ends an item's call. Items that are already due precede it.
func (q *queue) release(it *item, now time.Time) {
	it.inFlight = false
	q.replan(it, now)
}

// unblock replans the waiting push of a store SKU after its push in flight ended.
func (q *queue) unblock(s *sku.SKU) {
	if s.Waiting != nil {
		q.replan(q.items[s.Waiting.ItemID], time.Time{})
	}
}

// removeAll removes the waiting pushes of all store SKUs, each item's in one pass.
func (q *queue) removeAll() (skus []*sku.SKU, pushes []*sku.Push) {
	skus, pushes = make([]*sku.SKU, 0, q.size), make([]*sku.Push, 0, q.size)
	for _, it := range q.items {
		for _, s := range it.waiting {
			skus, pushes = append(skus, s), append(pushes, s.Waiting)
			s.Waiting = nil
		}
		it.waiting = nil
		q.replan(it, time.Time{})
	}
	q.size = 0
	return skus, pushes
}
