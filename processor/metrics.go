package processor

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stockpush/processor/latest"
)

// Metrics counts what the stage does.
type Metrics struct {
	// events are valid ones, by verdict.
	events                     [latest.Joined + 1]prometheus.Counter
	deadLetters                *prometheus.CounterVec
	windows, commands, skipped prometheus.Counter
	// waiting counts the open windows of all partitions of this process.
	waiting atomic.Int64
}

// NewMetrics registers the stage's metrics; every series exists at zero.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	m := &Metrics{
		deadLetters: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stockpush_processor_dead_letters_total", Help: "Bad events, by error code.",
		}, []string{"code"}),
		windows:  f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_windows_closed_total", Help: "Windows closed."}),
		commands: f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_commands_total", Help: "Commands issued."}),
		skipped:  f.NewCounter(prometheus.CounterOpts{Name: "stockpush_processor_skipped_total", Help: "Events replaced in their window."}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "stockpush_processor_waiting", Help: "Store SKUs with an open window."},
		func() float64 { return float64(m.waiting.Load()) })
	events := f.NewCounterVec(prometheus.CounterOpts{
		Name: "stockpush_processor_events_total", Help: "Valid events, by what the latest-wins buffer did with them.",
	}, []string{"verdict"})
	for v, name := range map[latest.Verdict]string{
		latest.Opened: "opened", latest.Replaced: "replaced", latest.Outdated: "beaten", latest.Joined: "joined",
	} {
		m.events[v] = events.WithLabelValues(name)
	}
	return m
}

func (m *Metrics) deadLettered(code string) { m.deadLetters.WithLabelValues(code).Inc() }
