package channels

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/schemas"
)

// lane is one shop's pushes. The partition's goroutine owns it.
type lane struct {
	shop   schemas.Shop
	queue  *queue
	flying int
	// turn is its place in the app's line, and asked says that it wants to keep it.
	turn    *turn
	asked   bool
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	// openUntil is when an open breaker lets a call through.
	openUntil time.Time
	hold      *hold
	paused    pauseClock
	planned   planned
	// owed are store SKUs that must be read back.
	owed map[*storeSKU]struct{}
}

// What a call says to the breaker.
var (
	errFailure  = errors.New("the channel failed")
	errNeutral  = errors.New("the channel throttles")
	breakerName = "shop"
)

func newLane(shop schemas.Shop, cfg Config, now time.Time) *lane {
	l := &lane{shop: shop, queue: newQueue(now), owed: map[*storeSKU]struct{}{}}
	l.queue.lane = l
	b := cfg.Breaker
	l.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        breakerName,
		MaxRequests: 1,
		Interval:    b.Window,
		Timeout:     b.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return int(c.Requests) >= b.MinCalls && float64(c.TotalFailures) >= b.FailureRatio*float64(c.Requests)
		},
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errNeutral) },
	})
	return l
}

// hold is a shop that refuses everything: authorization lost, banned, signature
// or address refused.
type hold struct {
	verdict   Verdict
	nextProbe time.Time
	lastProbe time.Time
	probing   bool
	// credentials are those with which the shop was refused.
	credentials uint64
	// asked says that somebody pushed by hand since the last probe.
	asked bool
	// itemID is an item of the shop, to be read when no push waits that could probe.
	itemID int64
}

// minProbeGap bounds probes that people ask for.
const minProbeGap = 5 * time.Second

func (h *hold) probeDue(now time.Time, credentials uint64) bool {
	if h.probing {
		return false
	}
	return !now.Before(h.nextProbe) || credentials != h.credentials || h.asked && now.Sub(h.lastProbe) >= minProbeGap
}

// report tells the breaker how a call went, and notes when it opens.
func (l *lane) report(done func(error), a Answer, cfg BreakerConfig, now time.Time) {
	switch {
	case a.Failure:
		done(errFailure)
	case isThrottle(a), a.Calls == 0:
		done(errNeutral)
	default:
		done(nil)
	}
	if l.breaker.State() == gobreaker.StateOpen && !l.openUntil.After(now) {
		l.openUntil = now.Add(cfg.OpenFor)
	}
}

func isThrottle(a Answer) bool {
	for _, v := range a.Verdicts {
		if v.Outcome != Confirmed && v.Code.Class() == schemas.ClassThrottle {
			return true
		}
	}
	return false
}
