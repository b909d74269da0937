package processor

import "time"

// logAge remembers how long the events of a partition were in its log at least, by
// where the log ended when we looked. Timestamps would tell more, but those are other
// machines' clocks.
type logAge struct {
	// window is how far apart the looks are at least.
	window time.Duration
	// recent is the last look, and old the one before it, at least a window earlier.
	old, recent logEnd
}

// logEnd is where the log ended at some time.
type logEnd struct {
	at  time.Time
	end int64
}

func (l *logAge) note(end int64, now time.Time) {
	if now.Sub(l.recent.at) >= l.window {
		l.old, l.recent = l.recent, logEnd{now, end}
	}
}

// waitedEnough is the offset below which an event has waited in the log for a window
// already. Where all of the log is read, nothing that came while it did is still to be
// found, so its window closes at once; 0 where there is more to read.
func (p *partition) waitedEnough() int64 {
	if p.next < p.assignment.LogEnd() {
		return 0
	}
	return p.log.old.end
}
