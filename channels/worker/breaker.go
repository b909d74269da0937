package worker

import (
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/channels"
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
	// failure is the last answer that counted as a failure.
	failure channels.Verdict
	log     *slog.Logger
}

// newBreaker makes a breaker whose logger names the shop.
func newBreaker(cfg BreakerConfig, log *slog.Logger) breaker {
	return breaker{log: log, openFor: cfg.OpenFor, TwoStepCircuitBreaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
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
func (b *breaker) report(end *callEnd, now time.Time) {
	before := b.State()
	switch lane.HealthOf(&end.answer) {
	case lane.Unhealthy:
		if v := end.answer.FirstRefusal(); v != nil {
			b.failure = *v
		}
		end.done(errUnhealthy)
	case lane.Neutral:
		end.done(errNeutral)
	default:
		end.done(nil)
	}
	after := b.State()
	if after == gobreaker.StateOpen && !b.openUntil.After(now) {
		b.openUntil = now.Add(b.openFor)
	}
	switch {
	case after == gobreaker.StateOpen && before == gobreaker.StateClosed:
		b.log.Warn("breaker opened", "until", b.openUntil, "code", b.failure.Code, "said", b.failure.Message, "hint", b.failure.Code.Remedy())
	case after == gobreaker.StateClosed && before != gobreaker.StateClosed:
		b.log.Info("breaker closed, shop reachable again")
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
