package channels

import (
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/schemas"
)

// push is a command on its way through a lane.
type push struct {
	event
	// queuedAt is when the processor issued it, in milliseconds of the Unix epoch.
	queuedAt int64
	// offset is that of its command, schemas.NoOffset for a push that we made ourselves.
	offset int64
	// notBefore is when it may go out by the queue's clock: after the linger, or a backoff.
	notBefore time.Duration
	tried     *tried
	attempts  uint16
	// unknown counts tries that ended with the failure code unknown.
	unknown uint8
	// final says that no further try follows: it is too old.
	final bool
	// inherited says that an earlier owner of the partition left it.
	inherited bool
}

// tried is what few pushes have.
type tried struct {
	// locationID is the warehouse that its event names.
	locationID string
	// repetitions are further offsets of the commands topic that the push settles.
	repetitions []int64
	// pausedBefore is how long the shop had been paused when the push began to wait.
	pausedBefore time.Duration
	backoff      *backoff.ExponentialBackOff
	last         *Verdict
}

// more is the push's tried, begun where it has none.
func (p *push) more() *tried {
	if p.tried == nil {
		p.tried = &tried{}
	}
	return p.tried
}

// mends says that it is a push of our own, of an event that has its record already.
func (p *push) mends() bool { return p.offset == schemas.NoOffset }

// offsets appends the offsets of the commands topic that the push settles to all.
func (p *push) offsets(all []int64) []int64 {
	if !p.mends() {
		all = append(all, p.offset)
	}
	if p.tried != nil {
		all = append(all, p.tried.repetitions...)
	}
	return all
}

// fresh says that it was never tried, and settles its own command alone.
func (p *push) fresh() bool {
	t := p.tried
	return !p.mends() && p.attempts == 0 && (t == nil || t.repetitions == nil && t.backoff == nil && t.last == nil)
}

// pause tells how long the shop had been paused when the push began to wait.
func (p *push) pause(before time.Duration) {
	if before != 0 {
		p.more().pausedBefore = before
	}
}

func (p *push) pausedBefore() time.Duration {
	if p.tried == nil {
		return 0
	}
	return p.tried.pausedBefore
}

// newPush is a push of an event; it keeps the packed bytes, and none of e's memory.
func newPush(e *schemas.Event, packed []byte) *push {
	p := &push{event: eventOf(e, packed)}
	if e.LocationID != "" {
		p.more().locationID = strings.Clone(e.LocationID)
	}
	return p
}

// locationID is the warehouse that its event names; empty where it names none.
func (p *push) locationID() string {
	if p.tried == nil {
		return ""
	}
	return p.tried.locationID
}

func (p *push) triggered() time.Time { return time.UnixMilli(p.triggeredAt).UTC() }

func (p *push) queued() time.Time { return time.UnixMilli(p.queuedAt).UTC() }

// requestID is that of the last answer; empty before the first.
func (p *push) requestID() string {
	if p.tried == nil || p.tried.last == nil {
		return ""
	}
	return p.tried.last.RequestID
}
