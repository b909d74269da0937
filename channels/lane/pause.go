package lane

import "time"

// pauseClock measures how long a shop was paused. Its zero value is ready.
type pauseClock struct {
	since time.Time
	sum   time.Duration
}

func (c *pauseClock) running() bool { return !c.since.IsZero() }

func (c *pauseClock) set(paused bool, now time.Time) {
	switch {
	case paused && !c.running():
		c.since = now
	case !paused && c.running():
		c.sum += now.Sub(c.since)
		c.since = time.Time{}
	}
}

// total is how long the shop was paused so far.
func (c *pauseClock) total(now time.Time) time.Duration {
	if !c.running() {
		return c.sum
	}
	return c.sum + now.Sub(c.since)
}
