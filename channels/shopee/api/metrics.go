package api

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/channels"
	"stockpush/schemas"
)

// The paths that the client calls; a closed set, used as a metric label.
const (
	PathUpdateStock = "/api/v2/product/update_stock"
	PathModelList   = "/api/v2/product/get_model_list"
	PathBaseInfo    = "/api/v2/product/get_item_base_info"
	PathTokenGet    = "/api/v2/auth/token/get"
	PathRefresh     = "/api/v2/auth/access_token/get"
	PathConsent     = "/api/v2/shop/auth_partner"
	PathShops       = "/api/v2/public/get_shops_by_partner"
	PathShopInfo    = "/api/v2/shop/get_shop_info"
)

// The outcomes of calls that are not a failure class.
const (
	OutcomeOK        = "ok"
	outcomeCancelled = "cancelled"
)

type metrics struct {
	calls   *prometheus.CounterVec
	latency *prometheus.HistogramVec
	unknown prometheus.Counter
}

// newMetrics registers the metrics, unless reg is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_calls_total", Help: "Requests sent to Shopee, by path and by ok, cancelled, or the failure class of the answer.",
		}, []string{"path", "outcome"}),
		latency: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stockpush_shopee_call_duration_seconds", Help: "From sending a request to having read its answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"path"}),
		unknown: f.NewCounter(prometheus.CounterOpts{
			Name: "stockpush_shopee_unknown_refusals_total", Help: "Refusals of calls and of models that no rule knows; their records keep Shopee's words.",
		}),
	}
	for _, path := range []string{PathUpdateStock, PathModelList, PathBaseInfo, PathTokenGet, PathRefresh, PathShops, PathShopInfo} {
		m.latency.WithLabelValues(path)
		for _, outcome := range Outcomes() {
			m.calls.WithLabelValues(path, outcome)
		}
	}
	return m
}

// Outcomes lists the closed set of outcome labels.
func Outcomes() []string {
	all := []string{OutcomeOK, outcomeCancelled}
	for _, code := range schemas.FailureCodes() {
		all = append(all, string(code.Class()))
	}
	return slices.Compact(all) // the codes are listed class by class
}

func (m *metrics) called(path string, r *Result, took time.Duration) {
	m.calls.WithLabelValues(path, r.outcomeLabel()).Inc()
	m.latency.WithLabelValues(path).Observe(took.Seconds())
}

// Judged counts a refusal that no rule knows. An Unknown outcome is not one: it
// is our own finding, or the batch's code, whose models say more.
func (c *Caller) Judged(v channels.Verdict) {
	if v.Outcome == channels.Refused && v.Code == schemas.UnknownFailure {
		c.metrics.unknown.Inc()
	}
}
