package shopee

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels"
	"stockpush/schemas"
)

// The paths that the client calls; a closed set, used as a metric label.
const (
	pathUpdateStock = "/api/v2/product/update_stock"
	pathModelList   = "/api/v2/product/get_model_list"
	pathBaseInfo    = "/api/v2/product/get_item_base_info"
	pathTokenGet    = "/api/v2/auth/token/get"
	pathRefresh     = "/api/v2/auth/access_token/get"
	pathConsent     = "/api/v2/shop/auth_partner"
	pathShops       = "/api/v2/public/get_shops_by_partner"
)

// The outcomes of calls that are not a failure class.
const (
	outcomeOK        = "ok"
	outcomeCancelled = "cancelled"
)

type metrics struct {
	calls     *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	refreshes *prometheus.CounterVec
	unknown   prometheus.Counter
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
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_calls_total", Help: "Requests sent to Shopee, by path and by ok, cancelled, or the failure class of the answer.",
		}, []string{"path", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stockpush_shopee_call_duration_seconds", Help: "From sending a request to having read its answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"path"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_shopee_token_refreshes_total", Help: "Access tokens asked for with a refresh token, by outcome.",
		}, []string{"outcome"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stockpush_shopee_unknown_refusals_total", Help: "Refusals of calls and of models that no rule knows; their records keep Shopee's words.",
		}),
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
	m.initialise()
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.calls, m.latency, m.refreshes, m.unknown, m.storeFailures, m.unstored, m.firstEnd, m.endSoon} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// initialise makes every label value show as zero from the start.
func (m *metrics) initialise() {
	for _, outcome := range outcomes() {
		for _, path := range []string{pathUpdateStock, pathModelList, pathBaseInfo, pathTokenGet, pathRefresh, pathShops} {
			m.calls.WithLabelValues(path, outcome)
			m.latency.WithLabelValues(path)
		}
		m.refreshes.WithLabelValues(outcome)
	}
}

// authorizations shows when they end.
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

// outcomes lists the closed set of outcome labels.
func outcomes() []string {
	all := []string{outcomeOK, outcomeCancelled}
	seen := map[schemas.FailureClass]bool{}
	for _, code := range schemas.FailureCodes() {
		if class := code.Class(); !seen[class] {
			seen[class] = true
			all = append(all, string(class))
		}
	}
	return all
}

func (m *metrics) called(path string, r *result, took time.Duration) {
	m.calls.WithLabelValues(path, r.outcomeLabel()).Inc()
	m.latency.WithLabelValues(path).Observe(took.Seconds())
}

// judged counts a refusal that no rule knows. An Unknown outcome is not one: it
// is our own finding, or the batch's code, whose models say more.
func (m *metrics) judged(v channels.Verdict) {
	if v.Outcome == channels.Refused && v.Code == schemas.UnknownFailure {
		m.unknown.Inc()
	}
}
