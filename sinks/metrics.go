package sinks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the stage does.
type Metrics struct {
	rows, batches, retries, poison prometheus.Counter
	waiting                        prometheus.Gauge
	seconds                        prometheus.Histogram
}

// NewMetrics registers the stage's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "stockpush_sink_" + name, Help: help})
	}
	return &Metrics{
		rows:    counter("rows_total", "Rows written to the store, repeats included."),
		batches: counter("batches_total", "Batches written to the store."),
		retries: counter("retries_total", "Retries of failed batch writes."),
		poison:  counter("unreadable_messages_total", "Messages dead-lettered by the sink: unreadable, or refused by the store."),
		waiting: f.NewGauge(prometheus.GaugeOpts{Name: "stockpush_sink_waiting_rows", Help: "Rows in the open batch."}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "stockpush_sink_batch_seconds", Help: "Time to write a batch, retries included.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)}),
	}
}

func (m *Metrics) sent(rows int, took time.Duration) {
	m.rows.Add(float64(rows))
	m.batches.Inc()
	m.seconds.Observe(took.Seconds())
}
