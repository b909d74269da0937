package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
)

// Want is what a lane would call next.
type Want uint8

// The wants.
const (
	// Nothing: no call may start now.
	Nothing Want = iota
	// Push: models of one item.
	Push
	// Readback: an item whose models' last success followed an unknown outcome.
	Readback
	// ProbeRead: an item of a held shop, since no push waits that could probe.
	ProbeRead
)

// Call is a call that was started: it ends with Pushed or Read.
type Call struct {
	Want   Want
	ItemID int64
	// Lines are a Push's.
	Lines []channels.Line

	// probe says that it tells whether the hold of the shop ended.
	probe bool
	item  *item
	// pushes are the store SKUs of Lines, in their order; readbacks those of a Readback.
	pushes    []*sku.SKU
	readbacks []question
}

// Next says what the lane would call now. If that is Nothing, wake is when to ask again;
// zero until another step of the lane.
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
		return Nothing, time.Time{} // a call in flight blocks what waits
	}
}

// sooner is the earlier of two times; zero counts as never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Start starts the call that Next wanted at the same time.
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

// startPush takes what waits for an item; pushes that only linger go along.
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

// nextItem is the item to push, and until when its pushes go along. A probe is the oldest
// push, whether or not it is due.
func (l *Lane) nextItem(now time.Time) (it *item, by time.Time) {
	if l.hold != nil {
		it = l.queue.oldest()
		at, _ := it.due()
		return it, later(at, now)
	}
	it, _ = l.queue.next(now)
	return it, now.Add(l.cfg.Linger)
}

// age is how long a push has been waiting, pauses left out.
func (l *Lane) age(p *sku.Push, now time.Time) time.Duration {
	return now.Sub(p.QueuedTime()) - (l.pause.total(now) - p.PausedBefore)
}
