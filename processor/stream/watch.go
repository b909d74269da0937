package stream

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
)

// checksUntilStuck is how often a partition is checked until it counts as stuck.
const checksUntilStuck = 6

// watch asks the brokers where the partitions end, independently of fetches. So lag also counts
// what cannot be fetched, and partitions without progress are noticed.
func (s *Stage) watch() {
	ticker := time.NewTicker(s.cfg.StuckAfter / checksUntilStuck)
	defer ticker.Stop()
	for {
		select {
		case <-s.backgroundCtx.Done():
			return
		case now := <-ticker.C:
			s.checkProgress(now)
		}
	}
}

func (s *Stage) checkProgress(now time.Time) {
	ends, err := kadm.NewClient(s.client).ListCommittedOffsets(s.backgroundCtx, s.cfg.Topics...)
	if err != nil {
		s.log.Debug("end offsets not known", "error", err)
		return
	}
	for _, o := range s.all() {
		end, ok := ends.Lookup(o.topic, o.partition)
		if !ok || end.Err != nil {
			continue
		}
		o.setBrokerEnd(end.Offset)
		o.noteProgress(now)
		if o.checkProgress(end.Offset, now) > 0 {
			s.startProbe(o)
		}
	}
}

// idle is since when a partition with records to read makes no progress.
type idle struct {
	at    int64
	since time.Time
	lasts time.Duration
}

// checkProgress returns how long the partition has made no progress. It is 0 if it did, if all is
// read, or if its handler is busy.
func (o *Owner) checkProgress(end int64, now time.Time) time.Duration {
	at, known := o.position()
	o.mu.Lock()
	defer o.mu.Unlock()
	if busy := o.paused || len(o.queue) >= o.cfg.MaxQueuedBatches; at != o.idle.at || at >= end || !known || busy {
		o.idle = idle{at: at, since: now}
	}
	o.idle.lasts = now.Sub(o.idle.since)
	return o.idle.lasts
}

// Stuck describes a partition with records to read and without progress; it is empty if there is
// none.
func (s *Stage) Stuck() string {
	for _, o := range s.all() {
		if o.isStuck(s.cfg.StuckAfter) {
			at, _ := o.position()
			return fmt.Sprintf("%s/%d is stuck at offset %d", o.topic, o.partition, at)
		}
	}
	return ""
}

func (o *Owner) isStuck(after time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.idle.lasts >= after
}

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
		gauge("stockpush_stream_oldest_unread_seconds", "Age of the oldest record that its stage has not read, by the record's Kafka timestamp; 0 if all are read. "+
			"Of a record that is not fetched yet it is an upper bound: the age of the one before it, or the time since all was read.", s.unreadSeconds),
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
