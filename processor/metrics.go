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
		latest.Opened: "opened", latest.Replaced: "replaced", latest.Outdated: "beaten", latest.Joined: "joined",
	} {
		m.byVerdict[v] = m.events.WithLabelValues(name)
	}
	return m
}

// counts gathers what a turn adds to the metrics: a counter that other goroutines write too
// would cost more than putting an event into the buffer.
type counts struct {
	events                     [latest.Joined + 1]int
	windows, commands, skipped int
}

// add adds counts and sets them to zero.
func (m *Metrics) add(c *counts) {
	for verdict, n := range c.events {
		if n > 0 {
			m.byVerdict[verdict].Add(float64(n))
		}
	}
	m.waiting.Add(float64(c.events[latest.Opened] - c.windows))
	m.windows.Add(float64(c.windows))
	m.commands.Add(float64(c.commands))
	m.skipped.Add(float64(c.skipped))
	*c = counts{}
}

func (m *Metrics) deadLettered(code string) { m.deadLetters.WithLabelValues(code).Inc() }
