package stream

import (
	"time"

	"stockpush/processor/stream/kafka"
)

// unread knows how long the oldest record that the handler has not got may have waited in the log.
// The timestamp of a record that is not fetched is not known. Those of the record before it and of
// the last moment without unread records bound it, and both are needed: after a quiet hour the
// record before is an hour old, and while there is a backlog there is no such moment.
type unread struct {
	// assigned is when the partition was assigned. It counts until a record is read.
	assigned time.Time
	// last is the timestamp of the last record that the handler got.
	last time.Time
	// noneAt is when the partition had no unread record.
	noneAt time.Time
}

// delivered is called with the records that the handler got.
func (u *unread) delivered(records []*kafka.Record) {
	if n := len(records); n > 0 {
		u.last = records[n-1].Timestamp
	}
}

// before returns a time before which no unread, unfetched record was written.
func (u *unread) before() time.Time {
	switch {
	case u.last.IsZero() && u.noneAt.IsZero():
		return u.assigned
	case u.noneAt.After(u.last):
		return u.noneAt
	default:
		return u.last
	}
}

// noteProgress is called from time to time with the present time.
func (o *Owner) noteProgress(now time.Time) {
	all := o.allFetched()
	o.mu.Lock()
	defer o.mu.Unlock()
	if all && len(o.queue) == 0 {
		o.unread.noneAt = now
	}
}

// allFetched says whether nothing is left to fetch below the log's end.
func (a *Assignment) allFetched() bool {
	at, known := a.position()
	a.mu.Lock()
	defer a.mu.Unlock()
	return !known || at >= max(a.logEnd, a.brokerEnd)
}

// oldestUnread returns when the oldest record that the handler has not got was written; zero if
// the handler got all.
func (o *Owner) oldestUnread() time.Time {
	all := o.allFetched()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, next := range o.queue {
		if len(next.Records) > 0 {
			return next.Records[0].Timestamp
		}
	}
	if all {
		return time.Time{}
	}
	return o.unread.before()
}

// unreadSeconds is the age of the oldest record that a handler of the stage has not got.
func (s *Stage) unreadSeconds() float64 {
	var age time.Duration
	for _, o := range s.all() {
		if at := o.oldestUnread(); !at.IsZero() {
			age = max(age, time.Since(at))
		}
	}
	return age.Seconds()
}
