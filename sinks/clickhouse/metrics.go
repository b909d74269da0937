package clickhouse

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what happens to the servers. A nil Metrics counts nothing.
type Metrics struct{ failovers *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "stockpush_clickhouse_failovers_total",
		Help: "ClickHouse servers that failed and were replaced by the next address, by the address that failed.",
	}, []string{"address"})}
}

func (m *Metrics) failedOver(address string) {
	if m != nil {
		m.failovers.WithLabelValues(address).Inc()
	}
}
