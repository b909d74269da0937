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

// checkProgress takes the end of the log as the broker reports it, and returns how long the
// partition has made no progress. It is 0 if it did, if all is fetched, or if its handler is busy.
func (o *Owner) checkProgress(end int64, now time.Time) time.Duration {
	o.setBrokerEnd(end)
	at, _ := o.position()
	all := o.allFetched()
	o.mu.Lock()
	defer o.mu.Unlock()
	if all && len(o.queue) == 0 {
		o.allReadAt = now
	}
	if busy := o.paused || len(o.queue) >= o.cfg.MaxQueuedBatches; at != o.idle.at || all || busy {
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

// allFetched says whether nothing is left to fetch below the log's end.
func (a *Assignment) allFetched() bool {
	at, known := a.position()
	a.mu.Lock()
	defer a.mu.Unlock()
	return !known || at >= max(a.logEnd, a.brokerEnd)
}

// oldestUnread returns when the oldest record that the handler has not got was written; zero if
// the handler got all. The timestamp of a record that is not fetched is not known. Those of the
// record before it and of the last moment without unread records bound it, and both are needed:
// after a quiet hour the record before is an hour old, and while there is a backlog there is no such
// moment.
func (o *Owner) oldestUnread() time.Time {
	all := o.allFetched()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, next := range o.queue {
		if len(next.Records) > 0 {
			return next.Records[0].Timestamp
		}
	}
	switch {
	case all:
		return time.Time{}
	case o.allReadAt.After(o.lastRead):
		return o.allReadAt
	default:
		return o.lastRead
	}
}

// register registers the stage's metrics under its group's name.
func (s *Stage) register(r prometheus.Registerer) {
	labels := prometheus.Labels{"group": s.cfg.Group}
	s.commitFailures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stockpush_stream_commit_failures_total", Help: "Offset commits that failed and were retried.", ConstLabels: labels,
	})
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	r.MustRegister(s.commitFailures,
		gauge("stockpush_stream_partitions", "Partitions assigned to this process.", s.sum(func(*Owner) int64 { return 1 })),
		gauge("stockpush_stream_unresolved", "Records fetched and not resolved.", s.sum(func(o *Owner) int64 { return int64(o.Unresolved()) })),
		gauge("stockpush_stream_oldest_unresolved_seconds", "Age of the oldest unresolved record since it was fetched.", s.age((*Owner).oldest)),
		gauge("stockpush_stream_lag", "Offsets between the one that may be committed and the log's end, as the brokers report it.", s.sum((*Owner).lag)),
		gauge("stockpush_stream_oldest_unread_seconds", "Age of the oldest record that its stage has not read, by the record's Kafka timestamp; 0 if all are read. "+
			"Of a record that is not fetched yet it is an upper bound: the age of the one before it, or the time since all was read.", s.age((*Owner).oldestUnread)),
		gauge("stockpush_stream_stuck_partitions", "Partitions with records to read and without progress.", s.sum(func(o *Owner) int64 {
			if o.isStuck(s.cfg.StuckAfter) {
				return 1
			}
			return 0
		})),
	)
}

// sum returns the sum of a number of each partition.
func (s *Stage) sum(of func(*Owner) int64) func() float64 {
	return func() (sum float64) {
		for _, o := range s.all() {
			sum += float64(of(o))
		}
		return sum
	}
}

// age returns the seconds since the earliest time of a partition; a zero time does not count.
func (s *Stage) age(of func(*Owner) time.Time) func() float64 {
	return func() float64 {
		var age time.Duration
		for _, o := range s.all() {
			if at := of(o); !at.IsZero() {
				age = max(age, time.Since(at))
			}
		}
		return age.Seconds()
	}
}
