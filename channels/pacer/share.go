package pacer

import (
	"math"
	"time"
)

const (
	// growth is how long a process waits before it uses the share of a partition that it was
	// assigned. The process before may have called until the partition was revoked, and both
	// would share the calls of that second.
	growth = time.Second + 100*time.Millisecond
	// jitter is by how much less than a second the calls of a second may be apart when they
	// arrive.
	jitter = 50 * time.Millisecond
	// noShareRecheck is when a turn asks again if its process has no share.
	noShareRecheck = time.Second
)

// share is the part of the app's rate that a process may use: that of its partitions.
type share struct {
	// rate is the whole app's.
	rate float64
	// partitions is how many share the rate; 0 if this process has all of it.
	partitions int
	// grants has one for each partition that the process owns.
	grants map[*grant]struct{}
	// owned is how many grants count already, and changes is when the next one does; zero if
	// all do.
	owned   int
	changes time.Time
}

// grant is an owned partition's part of the rate, which may be used from a time on.
type grant struct{ from time.Time }

// count counts the grants that may be used.
func (s *share) count(now time.Time) {
	s.owned, s.changes = 0, time.Time{}
	for g := range s.grants {
		if !g.from.After(now) {
			s.owned++
		} else if s.changes.IsZero() || g.from.Before(s.changes) {
			s.changes = g.from
		}
	}
}

// part is the share, from 0 to 1.
func (s *share) part() float64 {
	if s.partitions == 0 {
		return 1
	}
	return min(1, float64(s.owned)/float64(s.partitions))
}

// calls is how many calls of the process may arrive within a second. In any second the app may make
// its rate and one call, and each process has a whole number of these; at least one.
func (s *share) calls() int {
	// Sums of shares such as 1/3 are a little off a whole number.
	return int(max(1, math.Floor(s.part()*(s.rate+1)+1e-9)))
}

// limit is the process's rate. Its calls are spaced such that one more than it may make is never
// within a second. A share of less than one call a second has just its rate.
func (s *share) limit() float64 {
	part := s.part()
	if part == 1 {
		return s.rate
	}
	return min(part*s.rate, float64(s.calls())/(time.Second+jitter).Seconds())
}

// Share divides the app's rate by the partitions of a topic. From then on the process has the
// share of those that it owns, which is nothing at first.
func (p *Pacer) Share(partitions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share.partitions = partitions
	p.reshare(time.Now())
}

// Own adds a partition's part to the share, from growth on, and disown takes it away at once. The
// caller owns the partition until it calls disown, and no other process does meanwhile.
func (p *Pacer) Own() (disown func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	g := &grant{now.Add(growth)}
	p.share.grants[g] = struct{}{}
	p.reshare(now)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.share.grants, g)
		p.reshare(time.Now())
	}
}

// reshare sets the app's limit to the share.
func (p *Pacer) reshare(now time.Time) {
	p.share.count(now)
	p.app.setLimit(p.share.limit())
}

// hasShare says whether the process owns a partition, or has the whole rate.
func (p *Pacer) hasShare() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.share.partitions == 0 || len(p.share.grants) > 0
}

// grow adds the grants whose time has come. A process without any may ask again at recheck, and is
// not allowed a call before.
func (p *Pacer) grow(now time.Time) (recheck time.Time, allowed bool) {
	if at := p.share.changes; !at.IsZero() && !at.After(now) {
		p.reshare(now)
	}
	if p.app.limit > 0 {
		return time.Time{}, true
	}
	if p.share.changes.IsZero() {
		return now.Add(noShareRecheck), false
	}
	return p.share.changes, false
}
