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
	// failureDelay is how long the answer to a wrong token takes.
	failureDelay = 500 * time.Millisecond
	// maxJudged is how many logins are judged at a time. One that fails keeps its place
	// for failureDelay, so that tokens can be guessed at no more than eight a second.
	maxJudged = 4
	// toldPerSecond is how many failures a second are logged; all are counted.
	toldPerSecond = 5
)

// attempts slows, counts and logs logins and calls with a wrong token.
type attempts struct {
	failures prometheus.Counter
	log      *slog.Logger
	told     *rate.Limiter
	places   chan struct{}
	// delay is failureDelay.
	delay time.Duration
}

func newAttempts(r prometheus.Registerer, log *slog.Logger) *attempts {
	return &attempts{
		failures: promauto.With(r).NewCounter(prometheus.CounterOpts{
			Name: "stockpush_console_failed_logins_total", Help: "Logins and API calls with a wrong console.token.",
		}),
		log: log, told: rate.NewLimiter(toldPerSecond, toldPerSecond), places: make(chan struct{}, maxJudged), delay: failureDelay,
	}
}

// login judges a login when it is its turn; one whose client goes away meanwhile fails.
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

// failed notes a wrong token, and returns after a while or when the client goes away.
func (a *attempts) failed(r *http.Request, way string) {
	a.failures.Inc()
	if a.told.Allow() {
		a.log.Warn("a login was refused: the token is wrong", "way", way, "remote", r.RemoteAddr, "path", r.URL.Path)
	}
	wait, cancel := context.WithTimeout(r.Context(), a.delay)
	defer cancel()
	<-wait.Done()
}
