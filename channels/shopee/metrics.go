package shopee

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/channels"
)

// Metrics counts requests and verdicts.
type Metrics struct {
	seconds   *prometheus.HistogramVec
	verdicts  *prometheus.CounterVec
	refreshes prometheus.Counter
}

// NewMetrics registers the client's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stockpush_shopee_request_seconds", Help: "Time to an answer, by path.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, []string{"path"}),
		verdicts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_verdicts_total", Help: "Verdicts on models, by class; empty is confirmed.",
		}, []string{"class"}),
		refreshes: f.NewCounter(prometheus.CounterOpts{Name: "stockpush_shopee_token_refreshes_total", Help: "Refreshes of access tokens."}),
	}
}

func (m *Metrics) observe(path string, took time.Duration) {
	m.seconds.WithLabelValues(path).Observe(took.Seconds())
}

func (m *Metrics) verdict(v channels.Verdict) {
	m.verdicts.WithLabelValues(string(v.Code.Class())).Inc()
}
