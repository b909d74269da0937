// Package breaker is the circuit breaker of one shop. It owns when calls stop because the channel
// fails, and when one call may try again. channels.Answer says what an answer means for it.
package breaker

import (
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/channels"
	"stockpush/channels/due"
)

// Config is the configuration of each shop's circuit breaker.
type Config struct {
	// FailureRatio opens it after at least MinCalls calls within Window.
	FailureRatio float64
	MinCalls     int
	Window       time.Duration
	// ConsecutiveFailures open it at once, however many calls succeeded within Window.
	ConsecutiveFailures int
	// OpenFor is how long it stays open until one call is allowed.
	OpenFor time.Duration
}

// The outcomes of calls that are not successes for the breaker.
var (
	errUnhealthy = errors.New("the channel failed")
	errNeutral   = errors.New("the channel throttled, or no call was sent")
)

// Breaker is the circuit breaker of one shop.
type Breaker struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor time.Duration
	// OpenUntil is when an open breaker allows a call again.
	OpenUntil time.Time
	// Failure is the last answer that counted as a failure.
	Failure channels.Verdict
	// Reached says whether a call has ever succeeded for the breaker.
	Reached bool
	log     *slog.Logger
}

// New makes a breaker whose logger names the shop.
func New(cfg Config, log *slog.Logger) *Breaker {
	return &Breaker{log: log, openFor: cfg.OpenFor, TwoStepCircuitBreaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
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

// Blocked says whether the breaker allows no call now, and when to ask again; zero means when a
// call in flight ends.
func (b *Breaker) Blocked(inFlight int, now time.Time) (wake time.Time, blocked bool) {
	switch b.State() {
	case gobreaker.StateOpen:
		return due.Later(b.OpenUntil, now.Add(time.Millisecond)), true
	case gobreaker.StateHalfOpen:
		return time.Time{}, inFlight > 0
	default:
		return time.Time{}, false
	}
}

// Report reports the answer of an allowed call; done is what Allow returned for it.
func (b *Breaker) Report(answer *channels.Answer, done func(error), now time.Time) {
	before := b.State()
	switch answer.Health() {
	case channels.Unhealthy:
		if v := answer.FirstRefusal(); v != nil {
			b.Failure = *v
		}
		done(errUnhealthy)
	case channels.Neutral:
		done(errNeutral)
	default:
		b.Reached = true
		done(nil)
	}
	after := b.State()
	if after == gobreaker.StateOpen && !b.OpenUntil.After(now) {
		b.OpenUntil = now.Add(b.openFor)
	}
	switch {
	case after == gobreaker.StateOpen && before == gobreaker.StateClosed:
		b.log.Warn("breaker opened", "until", b.OpenUntil, "code", b.Failure.Code, "said", b.Failure.Message, "hint", b.Failure.Code.Remedy())
	case after == gobreaker.StateClosed && before != gobreaker.StateClosed:
		b.log.Info("breaker closed, shop reachable again")
	}
}
