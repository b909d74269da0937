package channels

import "time"

// pauseClock adds up how long a shop was paused, since that time does not count
// towards the age of its pushes. It is pure; the zero value has never run.
type pauseClock struct {
	since time.Time
	total time.Duration
}

// set says whether the shop is paused now.
func (c *pauseClock) set(paused bool, now time.Time) {
	switch {
	case paused && c.since.IsZero():
		c.since = now
	case !paused && !c.since.IsZero():
		c.total += now.Sub(c.since)
		c.since = time.Time{}
	}
}

// sum is how long the shop was paused in all until now.
func (c *pauseClock) sum(now time.Time) time.Duration {
	if c.since.IsZero() {
		return c.total
	}
	return c.total + now.Sub(c.since)
}

// pausedAlready is what sum was when a push began to wait. What an earlier owner
// left to a paused shop begins to age now: how long it was paused nobody knows.
func (w *worker) pausedAlready(l *lane, p *push, now time.Time) time.Duration {
	if l.paused.since.IsZero() || !p.inherited {
		return l.paused.sum(now)
	}
	return l.paused.sum(now) - now.Sub(p.queued())
}

// age is how long a push waits, pauses left out.
func (p *push) age(l *lane, now time.Time) time.Duration {
	return now.Sub(p.queued()) - (l.paused.sum(now) - p.pausedBefore())
}
