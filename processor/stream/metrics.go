package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ commitFailures prometheus.Counter }

// newMetrics registers a stage's metrics under its group's name.
func newMetrics(r prometheus.Registerer, s *Stage) *metrics {
	labels := prometheus.Labels{"group": s.cfg.Group}
	m := &metrics{prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stockpush_stream_commit_failures_total", Help: "Offset commits that failed and were retried.", ConstLabels: labels,
	})}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	r.MustRegister(m.commitFailures,
		gauge("stockpush_stream_partitions", "Partitions assigned to this process.", func() float64 { return float64(len(s.all())) }),
		gauge("stockpush_stream_unresolved", "Records fetched and not resolved.", s.unresolved),
		gauge("stockpush_stream_oldest_unresolved_seconds", "Age of the oldest unresolved record since it was fetched.", s.oldestSeconds),
		gauge("stockpush_stream_lag", "Offsets between the one that may be committed and the log's end, as the brokers report it.", s.lag),
		gauge("stockpush_stream_stuck_partitions", "Partitions with records to read and without progress.", s.stuck),
	)
	return m
}

func (s *Stage) unresolved() float64 {
	n := 0
	for _, o := range s.all() {
		n += o.Unresolved()
	}
	return float64(n)
}

// oldestSeconds rises as long as something is stuck, whatever the lag says.
func (s *Stage) oldestSeconds() float64 {
	var age time.Duration
	for _, o := range s.all() {
		if at := o.oldest(); !at.IsZero() {
			age = max(age, time.Since(at))
		}
	}
	return age.Seconds()
}

func (s *Stage) stuck() float64 {
	n := 0
	for _, o := range s.all() {
		if o.isStuck(s.cfg.StuckAfter) {
			n++
		}
	}
	return float64(n)
}

func (s *Stage) lag() float64 {
	var lag float64
	for _, o := range s.all() {
		lag += float64(o.lag())
	}
	return lag
}
