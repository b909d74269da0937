package console

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/time/rate"
)

const (
	// failureDelay delays the answer to a wrong token.
	failureDelay = 500 * time.Millisecond
	// maxJudged limits concurrent logins. A failed login occupies its place for failureDelay, so at
	// most eight tokens a second can be guessed.
	maxJudged = 4
	// loggedPerSecond limits the logged failures; all are counted.
	loggedPerSecond = 5
)

// attempts delays, counts and logs logins and API calls with a wrong token.
type attempts struct {
	failures prometheus.Counter
	log      *slog.Logger
	told     *rate.Limiter
	places   chan struct{}
	// delay is failureDelay, except in tests.
	delay time.Duration
}

func newAttempts(r prometheus.Registerer, log *slog.Logger) *attempts {
	return &attempts{
		failures: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "stockpush_console_failed_logins_total", Help: "Logins and API calls with a wrong console.token.",
		}),
		log: log, told: rate.NewLimiter(loggedPerSecond, loggedPerSecond), places: make(chan struct{}, maxJudged), delay: failureDelay,
	}
}

// login checks a login when a place is free. It fails if the client disconnects while it waits.
func (a *attempts) login(r *http.Request, right func() bool) bool {
	select {
	case a.places <- struct{}{}:
	case <-r.Context().Done():
		return false
	}
	defer func() { <-a.places }()
	if right() {
		return true
	}
	a.failed(r, "login")
	return false
}

// failed records a wrong token. It returns after the delay, or when the client disconnects.
func (a *attempts) failed(r *http.Request, way string) {
	a.failures.Inc()
	if a.told.Allow() {
		a.log.Warn("login refused: wrong token", "way", way, "remote", r.RemoteAddr, "path", r.URL.Path)
	}
	wait, cancel := context.WithTimeout(r.Context(), a.delay)
	defer cancel()
	<-wait.Done()
}
