package sinks

import "time"

// maxYield bounds how long batches wait for what goes first, and how long they then
// go on before they wait again.
const maxYield = 10 * time.Second

// farBehind is how many events must wait for batches to wait: some tenths of a second's work.
const farBehind = 100_000

// courtesy lets something else of the process go first. It has no clock: it is told the time.
type courtesy struct {
	// since is when batches began to wait; zero while they do not.
	since time.Time
	// again is when they may wait again.
	again time.Time
}

// yields says whether batches wait now; behind says that there is a reason to.
func (c *courtesy) yields(behind bool, now time.Time) bool {
	if !behind || now.Before(c.again) {
		c.since = time.Time{}
		return false
	}
	if c.since.IsZero() {
		c.since = now
	}
	if now.Sub(c.since) < maxYield {
		return true
	}
	c.since, c.again = time.Time{}, now.Add(maxYield)
	return false
}
