package shopee

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/channels/shopee/api"
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
	// ending has the end of each authorization that endSoon counts.
	ending *prometheus.GaugeVec
}

// newMetrics registers the metrics, unless reg is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		refreshes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_token_refreshes_total", Help: "Access tokens asked for with a refresh token, by outcome.",
		}, []string{"outcome"}),
		storeFailures: f.NewCounter(prometheus.CounterOpts{
			Name: "stockpush_shopee_token_store_failures_total", Help: "Tries to store tokens that failed, before or after a refresh token was spent.",
		}),
		unstored: f.NewGauge(prometheus.GaugeOpts{
			Name: "stockpush_shopee_unstored_token_pairs", Help: "Shops whose new tokens are in memory only, since they could not be stored: they are lost if the process ends.",
		}),
		firstEnd: f.NewGauge(prometheus.GaugeOpts{
			Name: "stockpush_shopee_first_authorization_end_timestamp_seconds", Help: "When the shop's authorization ends that ends first, of shops with tokens; 0 until it is known.",
		}),
		endSoon: f.NewGauge(prometheus.GaugeOpts{
			Name: "stockpush_shopee_authorizations_ending", Help: "Shops with tokens whose authorization has ended or ends soon: when a tenth of it is left, at least a day and at most 30.",
		}),
	}
	m.ending = f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "stockpush_shopee_authorization_ends_timestamp_seconds", Help: "When a shop's authorization ends, of the shops that stockpush_shopee_authorizations_ending counts.",
	}, []string{"shop_id"})
	for _, outcome := range api.Outcomes() {
		m.refreshes.WithLabelValues(outcome)
	}
	return m
}

// authorizations sets the metrics of authorizations.
func (m *metrics) authorizations(all map[int64]Authorization, soon []int64) {
	first := time.Time{}
	for _, a := range all {
		if first.IsZero() || a.Until.Before(first) {
			first = a.Until
		}
	}
	m.endSoon.Set(float64(len(soon)))
	m.ending.Reset()
	for _, shopID := range soon {
		m.ending.WithLabelValues(strconv.FormatInt(shopID, 10)).Set(float64(all[shopID].Until.Unix()))
	}
	if !first.IsZero() {
		m.firstEnd.Set(float64(first.Unix()))
	}
}
