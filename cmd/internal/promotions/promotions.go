// Package promotions pushes again what a promotion refused, once it may pass.
//
// Two events cause a refresh: Shopee's message that a promotion has released stock of an item, and
// the age shopee.promotion_retry of a failure, which covers lost messages. Package retry publishes
// the events; it leaves out pushes that are pending, and its events lose to anything newer. So
// several processes may do the same without coordination.
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

// maxEvents limits the events of one refresh. The next refresh takes the remaining ones, so that
// the end of a campaign does not delay new events.
const maxEvents = 5000

// campaign are the codes of failures that the end of a promotion may resolve.
var campaign = []schemas.FailureCode{schemas.BelowPromotionReserve, schemas.PromotionLocked}

// Publisher is a *retry.Retrier.
type Publisher interface {
	Do(ctx context.Context, q retry.Request) (retry.Result, error)
}

// Metrics count refreshes. A process has one Metrics.
type Metrics struct {
	published, failures *prometheus.CounterVec
	waiting             prometheus.Gauge
	dropped             prometheus.Counter
}

// The causes of a refresh; values of a metric's label.
const (
	byMessage = "message"
	byAge     = "age"
)

// NewMetrics registers the metrics, with every cause at zero.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		published: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_promotions_refreshes_total", Help: "Events published for pushes that a promotion refused, by cause: a message from Shopee, or the failure's age.",
		}, []string{"cause"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_promotions_failures_total", Help: "Refreshes that failed because of ClickHouse or Kafka and will be retried.",
		}, []string{"cause"}),
		waiting: f.NewGauge(prometheus.GaugeOpts{Name: "stockpush_promotions_waiting_items", Help: "Items named by a message and not refreshed yet."}),
		dropped: f.NewCounter(prometheus.CounterOpts{Name: "stockpush_promotions_dropped_items_total", Help: "Items left to shopee.promotion_retry because too many were waiting."}),
	}
	for _, cause := range []string{byMessage, byAge} {
		m.published.WithLabelValues(cause)
		m.failures.WithLabelValues(cause)
	}
	return m
}

// Deps are the dependencies of a Refresher.
type Deps struct {
	Publisher Publisher
	Logger    *slog.Logger
	Metrics   *Metrics
}

// Refresher publishes refreshes. It is safe for concurrent use.
type Refresher struct {
	deps Deps

	mu    sync.Mutex
	items items
}

// New returns a Refresher.
func New(d Deps) *Refresher { return &Refresher{deps: d, items: newItems()} }

// Released records that a promotion has released stock of an item. It does not block;
// FollowMessages refreshes the item.
func (r *Refresher) Released(i pushrecords.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.items.note(i, time.Now()) {
		r.deps.Metrics.dropped.Inc()
	}
	r.deps.Metrics.waiting.Set(float64(len(r.items.due)))
}

// lookEvery is how often FollowMessages checks whether an item is due.
const lookEvery = 500 * time.Millisecond

// FollowMessages refreshes the items that messages named, until ctx ends. FollowAges covers the
// items that wait at that time.
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

// FollowAges refreshes each failure at a certain age, until ctx ends. A refresh that fails creates
// a new failure, which is refreshed at the same age again. It has no state, so restarts and new
// owners change nothing.
func (r *Refresher) FollowAges(ctx context.Context, age time.Duration) {
	every(ctx, min(max(age/10, 100*time.Millisecond), time.Minute), func() {
		r.refresh(ctx, byAge, pushrecords.Filter{Until: time.Now().Add(-age)})
	})
}

// refresh publishes events for the matching failures. It returns false if it failed.
func (r *Refresher) refresh(ctx context.Context, cause string, f pushrecords.Filter) bool {
	f.FailureCodes = campaign
	result, err := r.deps.Publisher.Do(ctx, retry.Request{Filter: f, Limit: maxEvents, Refresh: true})
	r.deps.Metrics.published.WithLabelValues(cause).Add(float64(result.Published))
	if err != nil && ctx.Err() == nil {
		r.deps.Metrics.failures.WithLabelValues(cause).Inc()
		r.deps.Logger.Warn("promotion refresh failed, retrying later", "cause", cause, "error", err)
	}
	if result.Published > 0 {
		r.deps.Logger.Info("promotion failures re-pushed", "cause", cause, "store_skus", result.Published)
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
