package channels

import (
	"math"
	"time"
)

const (
	// recovery is how long a rate takes to rise from nothing to its limit.
	recovery = time.Minute
	// cutGap is how long after a cut further throttling tells nothing new: it is
	// of calls that were on their way already.
	cutGap = time.Second
	// leastShare is what a rate never falls below, as a share of its limit.
	leastShare = 1.0 / 20
	// catchUp is how much of the time that a call came late the next one may
	// come early; about what timers are late.
	catchUp = 2 * time.Millisecond
)

// bucket spaces calls evenly, at a rate that is halved when the marketplace
// throttles and rises again steadily, never above its limit. In no second are
// more calls let through than the limit and one. It is pure: no clock, no lock.
type bucket struct {
	// limit and low are in calls a second; low is what the rate fell to at cutAt.
	limit, low float64
	cutAt      time.Time
	next       time.Time
	heldUntil  time.Time
}

func newBucket(limit float64) bucket { return bucket{limit: limit, low: limit} }

// rate is in calls a second.
func (b *bucket) rate(now time.Time) float64 {
	if b.low == b.limit {
		return b.limit
	}
	return min(b.limit, b.low+b.limit*now.Sub(b.cutAt).Seconds()/recovery.Seconds())
}

func (b *bucket) interval(now time.Time) time.Duration {
	return time.Duration(math.Ceil(float64(time.Second) / b.rate(now)))
}

// readyAt is when the next call may go out.
func (b *bucket) readyAt() time.Time { return later(b.next, b.heldUntil) }

// take lets a call through.
func (b *bucket) take(now time.Time) {
	interval := b.interval(now)
	b.next = later(b.next, now.Add(-min(interval, catchUp))).Add(interval)
}

// hold lets no call through until then.
func (b *bucket) hold(until time.Time) { b.heldUntil = later(b.heldUntil, until) }

// cut halves the rate.
func (b *bucket) cut(now time.Time) {
	if now.Sub(b.cutAt) >= cutGap {
		b.low, b.cutAt = max(b.rate(now)/2, b.limit*leastShare), now
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
