package shopee

import (
	"errors"
	"stockpush/channels/shopee/api"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	refreshes *prometheus.CounterVec
	// storeFailures counts tries to store tokens, and unstored are the pairs that are
	// in memory only.
	storeFailures prometheus.Counter
	unstored      prometheus.Gauge
	// firstEnd is the end of the authorization that ends first, and endSoon
	// counts those that should be renewed.
	firstEnd, endSoon prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_token_refreshes_total", Help: "Access tokens asked for with a refresh token, by outcome.",
		}, []string{"outcome"}),
	}
	m.storeFailures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stockpush_shopee_token_store_failures_total", Help: "Tries to store tokens that failed, before or after a refresh token was spent.",
	})
	m.unstored = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stockpush_shopee_unstored_token_pairs", Help: "Shops whose new tokens are in memory only, since they could not be stored: they are lost if the process ends.",
	})
	m.firstEnd = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stockpush_shopee_first_authorization_end_timestamp_seconds", Help: "When the shop's authorization ends that ends first, of shops with tokens; 0 until it is known.",
	})
	m.endSoon = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stockpush_shopee_authorizations_ending", Help: "Shops with tokens whose authorization has ended or ends soon: when a tenth of it is left, at least a day and at most 30.",
	})
	for _, outcome := range api.Outcomes() {
		m.refreshes.WithLabelValues(outcome)
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.refreshes, m.storeFailures, m.unstored, m.firstEnd, m.endSoon} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// authorizations sets the metrics of authorizations.
func (m *metrics) authorizations(all map[int64]Authorization, soon int) {
	first := time.Time{}
	for _, a := range all {
		if first.IsZero() || a.Until.Before(first) {
			first = a.Until
		}
	}
	m.endSoon.Set(float64(soon))
	if !first.IsZero() {
		m.firstEnd.Set(float64(first.Unix()))
	}
}
