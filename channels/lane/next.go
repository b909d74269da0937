package lane

import (
	"time"

	"stockpush/channels"
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

// Call is a started call. It ends with Pushed or Read.
type Call struct {
	Want   Want
	ItemID int64
	// Lines are a Push's.
	Lines []channels.Line

	// probe says that its answer shows whether the shop's hold ended.
	probe bool
	item  *item
	// pushes are the store SKUs of Lines, in their order; readbacks those of a Readback.
	pushes    []*sku.SKU
	readbacks []question
}

// Next returns the call that the lane wants now. If that is Nothing, wake is when to call Next
// again; zero if only another step of the lane changes the answer.
func (l *Lane) Next(now time.Time) (want Want, wake time.Time) {
	if l.pause.running() || l.inFlight >= l.cfg.Concurrency {
		return Nothing, time.Time{}
	}
	if l.hold != nil {
		return l.nextHeld(now)
	}
	it, wake := l.queue.next(now)
	if it != nil {
		return Push, time.Time{}
	}
	due, readAt := l.nextReadback(now)
	if due != nil {
		return Readback, time.Time{}
	}
	return Nothing, sooner(wake, readAt)
}

// nextHeld wants a probe when one is due: the oldest waiting push, or a read if none waits.
func (l *Lane) nextHeld(now time.Time) (Want, time.Time) {
	switch {
	case l.hold.probing:
		return Nothing, time.Time{}
	case !l.hold.probeDue(now):
		return Nothing, l.hold.wake()
	case l.queue.oldest() != nil:
		return Push, time.Time{}
	case l.queue.size == 0:
		return ProbeRead, time.Time{}
	default:
		return Nothing, time.Time{} // the waiting pushes are blocked by a call in flight
	}
}

// sooner is the earlier of two times; zero counts as never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Start starts the call that Next returned for the same time.
func (l *Lane) Start(want Want, now time.Time) Call {
	l.inFlight++
	c := Call{Want: want}
	if l.hold != nil {
		l.hold.probing, l.hold.lastProbe, l.hold.requested, c.probe = true, now, false, true
	}
	switch want {
	case Push:
		l.startPush(&c, now)
	case Readback:
		l.startReadback(&c, now)
	case ProbeRead:
		c.ItemID = l.hold.itemID
	}
	return c
}

// startPush takes the waiting pushes of an item, lingering ones included.
func (l *Lane) startPush(c *Call, now time.Time) {
	it, by := l.nextItem(now)
	c.item, c.ItemID = it, it.id
	c.pushes, c.Lines = l.queue.take(it, by, l.cfg.MaxLines)
	for i, s := range c.pushes {
		p := s.InFlight
		p.Final = l.age(p, now) > l.cfg.MaxPendingAge
		s.Sent, s.SentQty = p.Position, c.Lines[i].Qty
	}
}

// nextItem returns the item to push, and the time by which its pushes must be due. A probe is
// the oldest push, due or not.
func (l *Lane) nextItem(now time.Time) (it *item, by time.Time) {
	if l.hold != nil {
		it = l.queue.oldest()
		at, _ := it.due()
		return it, later(at, now)
	}
	it, _ = l.queue.next(now)
	return it, now.Add(l.cfg.Linger)
}

// age is how long a push has been waiting, without pauses.
func (l *Lane) age(p *sku.Push, now time.Time) time.Duration {
	return now.Sub(p.QueuedTime()) - (l.pause.total(now) - p.PausedBefore)
}
