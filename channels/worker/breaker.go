package worker

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/channels/lane"
)

// The outcomes of calls that are not successes for the breaker.
var (
	errUnhealthy = errors.New("the channel failed")
	errNeutral   = errors.New("the channel throttled, or no call was sent")
)

// breaker is the circuit breaker of one shop.
type breaker struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor time.Duration
	// openUntil is when an open breaker allows a call again.
	openUntil time.Time
}

func newBreaker(cfg BreakerConfig) breaker {
	return breaker{openFor: cfg.OpenFor, TwoStepCircuitBreaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        "shop",
		MaxRequests: 1,
		Interval:    cfg.Window,
		Timeout:     cfg.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			share := int(c.Requests) >= cfg.MinCalls && float64(c.TotalFailures) >= cfg.FailureRatio*float64(c.Requests)
			return share || int(c.ConsecutiveFailures) >= cfg.ConsecutiveFailures
		},
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errNeutral) },
	})}
}

// blocked says whether the breaker allows no call now, and when to ask again; zero means when a
// call in flight ends.
func (b *breaker) blocked(inFlight int, now time.Time) (wake time.Time, blocked bool) {
	switch b.State() {
	case gobreaker.StateOpen:
		return later(b.openUntil, now.Add(time.Millisecond)), true
	case gobreaker.StateHalfOpen:
		return time.Time{}, inFlight > 0
	default:
		return time.Time{}, false
	}
}

// report reports the end of an allowed call to the breaker.
func (b *breaker) report(done func(error), health lane.Health, now time.Time) {
	switch health {
	case lane.Unhealthy:
		done(errUnhealthy)
	case lane.Neutral:
		done(errNeutral)
	default:
		done(nil)
	}
	if b.State() == gobreaker.StateOpen && !b.openUntil.After(now) {
		b.openUntil = now.Add(b.openFor)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
