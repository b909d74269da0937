package stream

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// looksUntilStuck is how often a partition is looked at until it counts as stuck.
const looksUntilStuck = 6

// watch asks the broker where the partitions end, beside all fetches: lag counts what cannot be
// fetched too, and a partition that nothing comes of is noticed.
func (s *Stage) watch() {
	ticker := time.NewTicker(s.cfg.StuckAfter / looksUntilStuck)
	defer ticker.Stop()
	for {
		select {
		case <-s.backgroundCtx.Done():
			return
		case now := <-ticker.C:
			s.look(now)
		}
	}
}

func (s *Stage) look(now time.Time) {
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
		o.see(end.Offset)
		if o.look(end.Offset, now) > 0 {
			s.suspect(o)
		}
	}
}

// still is since when a partition has not moved though there is something to read.
type still struct {
	at    int64
	since time.Time
	lasts time.Duration
}

// look says for how long nothing has come of the partition: 0 if something did, if all is read,
// or if its handler has enough to do.
func (o *Owner) look(end int64, now time.Time) time.Duration {
	at, known := o.position()
	o.mu.Lock()
	defer o.mu.Unlock()
	if busy := o.paused || len(o.queue) >= o.cfg.MaxQueuedBatches; at != o.still.at || at >= end || !known || busy {
		o.still = still{at: at, since: now}
	}
	o.still.lasts = now.Sub(o.still.since)
	return o.still.lasts
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
	return o.still.lasts >= after
}
