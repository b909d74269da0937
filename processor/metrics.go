package processor

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/processor/latest"
)

// Metrics counts what the stage does.
type Metrics struct {
	events                     *prometheus.CounterVec
	deadLetters                *prometheus.CounterVec
	windows, commands, skipped prometheus.Counter
	waiting                    prometheus.Gauge
	byVerdict                  [latest.Joined + 1]prometheus.Counter
}

// NewMetrics registers the stage's metrics; every series exists at zero.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_processor_events_total", Help: "Valid events, by what the latest-wins buffer did with them.",
		}, []string{"verdict"}),
		deadLetters: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_processor_dead_letters_total", Help: "Bad events, by error code.",
		}, []string{"code"}),
		windows:  f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_windows_closed_total", Help: "Windows closed."}),
		commands: f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_commands_total", Help: "Commands issued."}),
		skipped:  f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_skipped_total", Help: "Events replaced in their window."}),
	}
	m.waiting = f.NewGauge(prometheus.GaugeOpts{Name: "stockpush_processor_waiting", Help: "Store SKUs with an open window."})
	for v, name := range map[latest.Verdict]string{
		latest.Opened: "opened", latest.Replaced: "replaced", latest.Beaten: "beaten", latest.Joined: "joined",
	} {
		m.byVerdict[v] = m.events.WithLabelValues(name)
	}
	return m
}

func (m *Metrics) took(v latest.Verdict, n int) {
	if n > 0 {
		m.byVerdict[v].Add(float64(n))
	}
}

func (m *Metrics) rejected(code string) { m.deadLetters.WithLabelValues(code).Inc() }
