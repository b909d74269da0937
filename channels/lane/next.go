package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/sku"
)

// Want is the kind of call that a lane wants next.
type Want uint8

// The wants.
const (
	// Nothing: no call may start now.
	Nothing Want = iota
	// Push: models of one item.
	Push
	// Readback: an item with models whose last success followed an unknown outcome.
	Readback
	// ProbeRead: an item of a held shop, if no push waits that could probe.
	ProbeRead
)

// Call is a call that the lane wants. Start starts it, and Pushed or Read ends it.
type Call struct {
	Want   Want
	ItemID int64
	// Lines are a started Push's, and SKUs the store SKUs of its lines, in their order.
	Lines []channels.Line
	SKUs  []*sku.SKU

	// probe says that its answer shows whether the shop's hold ended.
	probe bool
	// item is a Push's, and due a store SKU whose Readback is due.
	item *item
	due  *sku.SKU
	// readbacks are those of a Readback.
	readbacks []question
}

// Next returns the call that the lane wants now. If it wants Nothing, wake is when to call Next
// again; zero if only another step of the lane changes the answer.
func (l *Lane) Next(now time.Time) (c Call, wake time.Time) {
	if l.pause.running() || l.inFlight >= l.cfg.ShopConcurrency {
		return Call{}, time.Time{}
	}
	if l.hold != nil {
		return l.nextHeld(now)
	}
	it, wake := l.queue.next(now)
	if it != nil {
		return Call{Want: Push, ItemID: it.id, item: it}, time.Time{}
	}
	s, readAt := l.nextReadback(now)
	if s != nil {
		return Call{Want: Readback, ItemID: itemOf(s), due: s}, time.Time{}
	}
	return Call{}, due.Earlier(wake, readAt)
}

// nextHeld wants a probe when one is due: the oldest waiting push, or a read if none waits.
func (l *Lane) nextHeld(now time.Time) (c Call, wake time.Time) {
	switch {
	case l.hold.probing:
		return Call{}, time.Time{}
	case !l.hold.probeDue(now):
		return Call{}, l.hold.wake()
	case l.queue.size == 0:
		return Call{Want: ProbeRead, ItemID: l.hold.itemID, probe: true}, time.Time{}
	}
	if it := l.queue.oldest(); it != nil {
		return Call{Want: Push, ItemID: it.id, item: it, probe: true}, time.Time{}
	}
	return Call{}, time.Time{} // the waiting pushes are blocked by a call in flight
}

// Start starts the call that Next returned for the same time.
func (l *Lane) Start(c *Call, now time.Time) {
	l.inFlight++
	by := now.Add(l.cfg.BatchLinger) // pushes that still linger go along
	if c.probe {
		l.hold.probing, l.hold.lastProbe, l.hold.requested = true, now, false
	}
	switch c.Want {
	case Push:
		if at, _ := c.item.due(); c.probe {
			by = due.Later(at, now) // the oldest push is a probe, due or not
		}
		c.SKUs, c.Lines = l.queue.take(c.item, by, l.cfg.MaxLines)
		for i, s := range c.SKUs {
			s.InFlight.Final = l.age(s.InFlight, now) > l.cfg.MaxPendingAge
			s.Sent, s.SentQty = s.InFlight.Position, c.Lines[i].Qty
		}
	case Readback:
		l.startReadback(c, now)
	case Nothing, ProbeRead:
	}
}

// age is how long a push has been waiting, without pauses.
func (l *Lane) age(p *sku.Push, now time.Time) time.Duration {
	return now.Sub(p.QueuedAt) - (l.pause.total(now) - p.PausedBefore)
}
