package pacer

import (
	"math"
	"time"

	"stockpush/channels/due"
)

const (
	// recovery is how long a rate takes to rise from zero to its limit.
	recovery = time.Minute
	// cutInterval is the shortest time between two cuts of a rate: throttling that follows
	// sooner is about calls that were in flight at the first cut.
	cutInterval = time.Second
	// minShare is the least share of its limit that a rate is cut to.
	minShare = 1.0 / 20
	// timerSlack is how much of a call's delay the next call may make up for; about
	// the delay of a timer.
	timerSlack = 2 * time.Millisecond
)

// bucket spaces calls evenly. It halves its rate when the marketplace throttles and
// raises it steadily afterwards, up to the limit. Within any second it allows at most the
// limit and one call. It is pure: no clock, no lock.
type bucket struct {
	// limit and low are in calls a second; low is the rate that the last cut left, at cutAt.
	limit, low float64
	cutAt      time.Time
	next       time.Time
	heldUntil  time.Time
}

func newBucket(limit float64) bucket { return bucket{limit: limit, low: limit} }

// setLimit changes the limit; a rate that was cut keeps its part of it.
func (b *bucket) setLimit(limit float64) {
	if b.low < b.limit {
		b.low *= limit / b.limit
	} else {
		b.low = limit
	}
	b.limit = limit
}

// rate is in calls a second.
func (b *bucket) rate(now time.Time) float64 {
	if b.low == b.limit {
		return b.limit
	}
	return min(b.limit, b.low+b.limit*now.Sub(b.cutAt).Seconds()/recovery.Seconds())
}

// interval is the time between two calls; a limit of 0 allows none.
func (b *bucket) interval(now time.Time) time.Duration {
	if b.limit == 0 {
		return recovery
	}
	return time.Duration(math.Ceil(float64(time.Second) / b.rate(now)))
}

// readyAt is the earliest time of the next call.
func (b *bucket) readyAt() time.Time { return due.Later(b.next, b.heldUntil) }

// take accounts for a call that starts now.
func (b *bucket) take(now time.Time) {
	interval := b.interval(now)
	b.next = due.Later(b.next, now.Add(-min(interval, timerSlack))).Add(interval)
}

// hold allows no call until the given time.
func (b *bucket) hold(until time.Time) { b.heldUntil = due.Later(b.heldUntil, until) }

// cut halves the rate.
func (b *bucket) cut(now time.Time) {
	if now.Sub(b.cutAt) >= cutInterval {
		b.low, b.cutAt = max(b.rate(now)/2, b.limit*minShare), now
	}
}
