package stream

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// checksUntilStuck is how often a partition is looked at until it counts as stuck.
const checksUntilStuck = 6

// watch asks the broker where the partitions end, beside all fetches: lag counts what cannot be
// fetched too, and a partition that nothing comes of is noticed.
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
		s.log.Debug("the ends of partitions are not known", "error", err)
		return
	}
	for _, o := range s.all() {
		end, ok := ends.Lookup(o.topic, o.partition)
		if !ok || end.Err != nil {
			continue
		}
		o.setBrokerEnd(end.Offset)
		if o.checkProgress(end.Offset, now) > 0 {
			s.startProbe(o)
		}
	}
}

// idle is since when a partition has not moved though there is something to read.
type idle struct {
	at    int64
	since time.Time
	lasts time.Duration
}

// look says for how long nothing has come of the partition: 0 if something did, if all is read,
// or if its handler has enough to do.
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

// Stuck names a partition of which nothing has come for a while though there is something to
// read; it is empty if there is none.
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
