package worker

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
	"stockpush/schemas"
)

// Metrics counts what the stage does. Only stopped has a label that names a shop.
type Metrics struct {
	calls, callFailures, retries, repaired, rewritten, poison prometheus.Counter
	// ended counts finished commands by status and failure code.
	ended   [schemas.Successfully + 1]map[schemas.FailureCode]prometheus.Counter
	seconds prometheus.Histogram
	// stopped has the shops that get no pushes.
	stopped *prometheus.GaugeVec

	mu      sync.Mutex
	workers map[*worker]snapshot
	pacer   *pacer.Pacer
}

// snapshot is the state of one worker's lanes at one moment.
type snapshot struct {
	// oldest is when the oldest push was queued that waits in a shop which is not paused.
	oldest time.Time
	// due is when the most overdue read-back was due.
	due time.Time
	// paused are the waiting pushes of paused shops.
	waiting, paused, held, open int
	// stopped are the statuses of shops that get no pushes, by shop ID.
	stopped map[int64]schemas.ShopStatus
}

// NewMetrics registers the stage's metrics; every outcome exists at zero.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "stockpush_channels_" + name, Help: help})
	}
	outcomes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "stockpush_channels_outcomes_total", Help: "Finished commands by status and failure code.",
	}, []string{"status", "failure_code"})
	m := &Metrics{
		calls:        counter("calls_total", "Calls to the marketplace."),
		callFailures: counter("call_failures_total", "Calls that count as failures for the breaker."),
		retries:      counter("retries_total", "Pushes queued for another try."),
		repaired:     counter("repaired_total", "Repair pushes: a read-back showed that a request with an unknown outcome may have been applied late."),
		rewritten:    counter("states_rewritten_total", "States written again because an earlier owner of the partition had overwritten them."),
		poison:       counter("unreadable_messages_total", "Messages sent to the dead letters: unreadable, refused by Kafka, or the stage panicked at them."),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "stockpush_channels_trigger_to_finish_seconds", Help: "From the event's time in the log to its outcome, without Skipped ones.",
			Buckets: prometheus.ExponentialBuckets(0.25, 2, 16),
		}),
		stopped: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stockpush_channels_shop_stopped_since_timestamp_seconds", Help: "Since when a shop gets no pushes: it is paused or held, its breaker is open, or the daily quota is used up.",
		}, []string{"shop_id", "state", "failure_code"}),
		workers: map[*worker]snapshot{},
	}
	for _, status := range []schemas.Status{schemas.Successfully, schemas.Skipped, schemas.Failed} {
		m.ended[status] = map[schemas.FailureCode]prometheus.Counter{}
	}
	for _, status := range []schemas.Status{schemas.Successfully, schemas.Skipped} {
		m.ended[status][""] = outcomes.WithLabelValues(status.String(), "")
	}
	for _, code := range schemas.FailureCodes() {
		m.ended[schemas.Failed][code] = outcomes.WithLabelValues(schemas.Failed.String(), string(code))
	}
	longest := func(a, b float64) float64 { return max(a, b) }
	m.gauge(f, "oldest_waiting_seconds", "Age of the oldest waiting push, without those of paused shops.", func(s snapshot) float64 { return secondsSince(s.oldest) }, longest)
	m.gauge(f, "oldest_readback_due_seconds", "How long the most overdue read-back has been due.", func(s snapshot) float64 { return secondsSince(s.due) }, longest)
	sum := func(a, b float64) float64 { return a + b }
	m.gauge(f, "waiting", "Waiting pushes.", func(s snapshot) float64 { return float64(s.waiting) }, sum)
	m.gauge(f, "paused_waiting", "Waiting pushes of paused shops.", func(s snapshot) float64 { return float64(s.paused) }, sum)
	m.gauge(f, "held_shops", "Shops that refuse every push.", func(s snapshot) float64 { return float64(s.held) }, sum)
	m.gauge(f, "open_breakers", "Shops whose circuit breaker is open or half-open.", func(s snapshot) float64 { return float64(s.open) }, sum)
	m.pace(f, "app_calls_per_second", "Calls a second that this process may make now: its share of the app's rate, less after throttling.", func(p pacer.Snapshot) float64 { return p.AppRate })
	m.pace(f, "app_share", "This process's share of the app's rate, 0 to 1: that of its partitions of the commands topic.", func(p pacer.Snapshot) float64 { return p.AppShare })
	m.pace(f, "app_held_seconds", "How long no shop may call yet, after the app was throttled or its daily quota was used up.", func(p pacer.Snapshot) float64 { return p.AppHeld.Seconds() })
	m.pace(f, "slowed_shops", "Shops that may call less often than configured, after throttling.", func(p pacer.Snapshot) float64 { return float64(p.SlowedShops) })
	return m
}

// secondsSince is 0 for the zero time.
func secondsSince(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return time.Since(at).Seconds()
}

// watch sets the pacer that the metrics show.
func (m *Metrics) watch(p *pacer.Pacer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pacer = p
}

func (m *Metrics) pace(f promauto.Factory, name, help string, value func(pacer.Snapshot) float64) {
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "stockpush_channels_" + name, Help: help}, func() float64 {
		m.mu.Lock()
		p := m.pacer
		m.mu.Unlock()
		if p == nil {
			return 0
		}
		return value(p.Look(time.Now()))
	})
}

func (m *Metrics) gauge(f promauto.Factory, name, help string, value func(snapshot) float64, join func(a, b float64) float64) {
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "stockpush_channels_" + name, Help: help}, func() float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		total := 0.0
		for _, s := range m.workers {
			total = join(total, value(s))
		}
		return total
	})
}

// add adds a shop as it is now. A paused shop's pushes wait as the operator wants, so they are
// not the oldest.
func (s *snapshot) add(sh *shop, now time.Time) {
	seen := sh.lane.Stats(now)
	if sh.lane.Paused() {
		s.paused += seen.Waiting
	} else {
		s.oldest = due.Earlier(s.oldest, seen.OldestQueued)
	}
	s.due = due.Earlier(s.due, seen.ReadbackDue)
	s.waiting += seen.Waiting
	if _, held := sh.lane.Held(); held {
		s.held++
	}
	if sh.breaker.State() != gobreaker.StateClosed {
		s.open++
	}
}

// observed replaces a worker's snapshot.
func (m *Metrics) observed(w *worker, s snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.showStopped(m.workers[w].stopped, s.stopped)
	m.workers[w] = s
}

// forget removes a worker that ended.
func (m *Metrics) forget(w *worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.showStopped(m.workers[w].stopped, nil)
	delete(m.workers, w)
}

// showStopped replaces the series of one worker's shops.
func (m *Metrics) showStopped(before, now map[int64]schemas.ShopStatus) {
	labels := func(id int64, s schemas.ShopStatus) []string {
		return []string{strconv.FormatInt(id, 10), s.State.String(), string(s.Code)}
	}
	for id, status := range before {
		if now[id] != status {
			m.stopped.DeleteLabelValues(labels(id, status)...)
		}
	}
	for id, status := range now {
		m.stopped.WithLabelValues(labels(id, status)...).Set(float64(status.Since.UnixMilli()) / 1000)
	}
}

// answered counts a call, and what its answer led to.
func (m *Metrics) answered(a *channels.Answer, r *lane.Result) {
	m.calls.Add(float64(a.Calls))
	if a.Failure {
		m.callFailures.Inc()
	}
	m.retries.Add(float64(r.Retries))
	m.repaired.Add(float64(r.Repairs))
}

// finished counts an event that ended.
func (m *Metrics) finished(o *lane.Outcome, now time.Time) {
	if o.Status == 0 {
		return
	}
	m.ended[o.Status][o.FailureCode].Inc()
	if o.Status != schemas.Skipped {
		m.seconds.Observe(max(now.Sub(o.TriggeredAt), 0).Seconds())
	}
}
