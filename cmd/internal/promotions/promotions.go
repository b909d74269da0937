// Package promotions pushes again what a promotion refused, once that may pass.
//
// It owns when: soon after Shopee's message that a promotion of an item let stock
// go, and whenever a failure has become shopee.promotion_retry old, which mends
// every message that was lost. It only asks for it: what is published is retry's,
// which leaves out what is on its way, and loses to anything newer by the log's
// own rule. So several processes may do the same at once; none pushes twice.
package promotions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// maxEvents is how many events one look publishes: more wait for the next one,
// so that a campaign's end does not come before all news.
const maxEvents = 5000

// campaign are the codes of failures that a promotion's end may mend.
var campaign = []schemas.FailureCode{schemas.BelowPromotionReserve, schemas.PromotionLocked}

// Publisher is a *retry.Retrier.
type Publisher interface {
	Do(ctx context.Context, q retry.Request) (retry.Result, error)
}

// Metrics count refreshes; the process has them once.
type Metrics struct {
	published, failures *prometheus.CounterVec
	waiting             prometheus.Gauge
	dropped             prometheus.Counter
}

// Why a refresh is published, a metric's label.
const (
	byMessage = "message"
	byAge     = "age"
)

// NewMetrics registers the metrics; every cause exists at zero.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		published: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_promotions_refreshes_total", Help: "Events published for pushes that a promotion refused, by cause: a message of Shopee's, or the failure's age.",
		}, []string{"cause"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_promotions_failures_total", Help: "Looks for what a promotion refused that failed, because of ClickHouse or Kafka, and will be tried again.",
		}, []string{"cause"}),
		waiting: f.NewGauge(prometheus.GaugeOpts{Name: "stockpush_promotions_waiting_items", Help: "Items of which a message told and that are not looked at yet."}),
		dropped: f.NewCounter(prometheus.CounterOpts{Name: "stockpush_promotions_dropped_items_total", Help: "Items left to shopee.promotion_retry because too many wait."}),
	}
	for _, cause := range []string{byMessage, byAge} {
		m.published.WithLabelValues(cause)
		m.failures.WithLabelValues(cause)
	}
	return m
}

// Deps are what a Refresher works with.
type Deps struct {
	Publisher Publisher
	Logger    *slog.Logger
	Metrics   *Metrics
}

// Refresher asks for refreshes. Its methods are safe for many goroutines.
type Refresher struct {
	deps Deps

	mu    sync.Mutex
	items items
}

// New makes a Refresher.
func New(d Deps) *Refresher { return &Refresher{deps: d, items: newItems()} }

// Released notes that a promotion of an item let stock go. It does not block;
// FollowMessages does the rest.
func (r *Refresher) Released(i pushrecords.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.items.note(i, time.Now()) {
		r.deps.Metrics.dropped.Inc()
	}
	r.deps.Metrics.waiting.Set(float64(len(r.items.due)))
}

// lookEvery is how often FollowMessages looks whether an item is due.
const lookEvery = 500 * time.Millisecond

// FollowMessages refreshes the items that messages told of, until ctx ends. What
// waits then is left to FollowAges.
func (r *Refresher) FollowMessages(ctx context.Context) {
	every(ctx, lookEvery, func() {
		r.mu.Lock()
		due := r.items.take(time.Now())
		r.mu.Unlock()
		if len(due) > 0 && !r.refresh(ctx, byMessage, pushrecords.Filter{Items: due}) {
			r.mu.Lock()
			r.items.again(due, time.Now())
			r.mu.Unlock()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deps.Metrics.waiting.Set(float64(len(r.items.due)))
	})
}

// FollowAges refreshes each failure when it has become so old, until ctx ends. A
// refresh that fails again is a new failure, so its turn comes as long after. It
// needs no memory, so restarts and new owners change nothing.
func (r *Refresher) FollowAges(ctx context.Context, age time.Duration) {
	every(ctx, min(max(age/10, 100*time.Millisecond), time.Minute), func() {
		r.refresh(ctx, byAge, pushrecords.Filter{Until: time.Now().Add(-age)})
	})
}

// refresh publishes for what still fails of the filter; false if that could not be done.
func (r *Refresher) refresh(ctx context.Context, cause string, f pushrecords.Filter) bool {
	f.FailureCodes = campaign
	result, err := r.deps.Publisher.Do(ctx, retry.Request{Filter: f, Limit: maxEvents, Refresh: true})
	r.deps.Metrics.published.WithLabelValues(cause).Add(float64(result.Published))
	if err != nil && ctx.Err() == nil {
		r.deps.Metrics.failures.WithLabelValues(cause).Inc()
		r.deps.Logger.Warn("what a promotion refused could not be looked at, it will be tried again", "cause", cause, "error", err)
	}
	if result.Published > 0 {
		r.deps.Logger.Info("what a promotion refused is pushed again", "cause", cause, "store_skus", result.Published)
	}
	return err == nil
}

func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}
