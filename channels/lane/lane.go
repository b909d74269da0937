// Package lane is one shop's pushes as a state machine: what to call next, and what an
// answer means for each push.
//
// It owns the order of pushes, retries, holds and their probes, pauses and read-backs. It is
// pure: no goroutine, no context, no clock, no log, no Kafka. Its owner offers commands, asks
// Next what to call, makes the call, reports it with Pushed or Read, and writes the outcomes
// that each step returns. Rate limits and the circuit breaker are the owner's, since their
// state changes with time alone; Health says what an answer tells the breaker.
package lane

import (
	"bytes"
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// Config sets what all lanes have in common.
type Config struct {
	// MaxPendingAge is the age, pauses left out, from which a push gets one more try.
	MaxPendingAge time.Duration
	// Concurrency is how many calls of the shop may be in flight; at least 1.
	Concurrency int
	// MaxLines is how many models one call may carry; at least 1.
	MaxLines int
	// Linger is how long a push waits for others of its item; 0 is not at all.
	Linger time.Duration
	// ProbeInterval is the time between probes of a held shop.
	ProbeInterval time.Duration
	// ConfirmAfter is the time from an unknown outcome to its read-back.
	ConfirmAfter time.Duration
}

// Lane is one shop's pushes. It is not safe for concurrent use.
type Lane struct {
	cfg      *Config
	queue    queue
	inFlight int
	hold     *hold
	pause    pauseClock
	// readbacks are the store SKUs with a pending read-back; none is due before readbackAt, and
	// none at all if that is zero.
	readbacks  map[*sku.SKU]struct{}
	readbackAt time.Time
	// failedByHold are the store SKUs whose last record failed because the shop was held.
	failedByHold map[*sku.SKU]struct{}
}

// New makes a lane without pushes.
func New(cfg *Config) *Lane {
	return &Lane{cfg: cfg, queue: queue{items: map[int64]*item{}}, readbacks: map[*sku.SKU]struct{}{}, failedByHold: map[*sku.SKU]struct{}{}}
}

// Restore takes a store SKU whose state was restored. It may be called again with a later state.
func (l *Lane) Restore(s *sku.SKU, now time.Time) {
	delete(l.readbacks, s)
	delete(l.failedByHold, s)
	if s.Readback != nil {
		l.expectReadback(s, now)
	}
	l.restoreHold(s, now)
}

// Command is a command of a store SKU of the shop.
type Command struct {
	// Event is the decoded event without its key, and Encoded the same as it came.
	Event   schemas.Event
	Encoded []byte
	// QueuedAt is when the processor issued the command.
	QueuedAt time.Time
	// Offset is the command's own.
	Offset int64
	// Inherited says that an earlier owner of the partition left it, and MaybeSent that this
	// owner may have had it in flight when it ended.
	Inherited, MaybeSent bool
}

// Offer takes a command. It keeps none of the command's memory.
func (l *Lane) Offer(s *sku.SKU, c *Command, now time.Time) Result {
	var r Result
	judgement := s.Judge(&c.Event)
	if c.MaybeSent && (judgement == sku.Stands || sentBefore(s, &c.Event)) {
		l.requireReadback(s, &c.Event, now)
	}
	switch judgement {
	case sku.FinishedAlready:
		r.add(Outcome{SKU: s, Record: s.Last.Encoded, Offsets: []int64{c.Offset}})
	case sku.Superseded:
		by := s.NewestEvent()
		lost := schemas.SkippedBy(c.Event, &by, now)
		lost.QueuedAt = c.QueuedAt
		r.add(Outcome{SKU: s, Record: schemas.AppendPackedRecord(nil, c.Encoded, &lost), SaveState: s.Unsaved, Offsets: []int64{c.Offset}})
	case sku.Duplicate:
		p := s.Push(c.Event.Position)
		p.Duplicates = append(p.Duplicates, c.Offset)
	case sku.Stands:
		l.stand(s, c, now, &r)
	}
	return r
}

// stand lets the newest command of a store SKU wait for its push.
func (l *Lane) stand(s *sku.SKU, c *Command, now time.Time, r *Result) {
	p := &sku.Push{
		Event: sku.Event{Position: c.Event.Position, Encoded: bytes.Clone(c.Encoded)}, ItemID: c.Event.ItemID, ModelID: c.Event.ModelID,
		QueuedAt: c.QueuedAt.UnixMilli(), Offset: c.Offset, NotBefore: now.Add(l.cfg.Linger), PausedBefore: l.pause.total(now),
	}
	if c.Inherited && l.pause.running() {
		p.PausedBefore -= now.Sub(c.QueuedAt) // how long the earlier owner was paused is not known: its age starts now
	}
	s.Newest = &p.Event
	delete(l.failedByHold, s)
	l.enqueue(s, p, &c.Event, now, r)
	if l.hold != nil && c.Event.Reason == schemas.PushNow {
		l.hold.requested = true
	}
}

// enqueue lets a push wait, whose event is e; the push that waited before is skipped.
func (l *Lane) enqueue(s *sku.SKU, p *sku.Push, e *schemas.Event, now time.Time, r *Result) {
	if replaced := l.queue.put(s, p); replaced != nil {
		l.skip(s, replaced, e, now, r)
	}
}

// skip ends a push that a newer event replaced.
func (l *Lane) skip(s *sku.SKU, p *sku.Push, by *schemas.Event, now time.Time, r *Result) {
	if p.IsRepair() {
		return // its event has its record already
	}
	skipped := schemas.SkippedBy(p.Decode(), by, now)
	skipped.QueuedAt, skipped.Attempts, skipped.RequestID = p.QueuedTime(), p.Attempts, p.RequestID
	o := terminal(s, &skipped)
	o.Record, o.Offsets = schemas.AppendPackedRecord(nil, p.Encoded, &skipped), p.Offsets()
	// The state must tell of a request that may still be applied, and that the event was
	// news: repeats that are still to come are judged by that.
	o.SaveState = s.Unsaved || by.Repeats()
	r.add(o)
}

// SetPaused says whether the shop is paused. A paused shop makes no call, and its pushes do not age.
func (l *Lane) SetPaused(paused bool, now time.Time) { l.pause.set(paused, now) }

// AppendUnsaved appends the store SKUs with a read-back that the state topic does not have yet.
func (l *Lane) AppendUnsaved(skus []*sku.SKU) []*sku.SKU {
	for s := range l.readbacks {
		if s.Unsaved {
			skus = append(skus, s)
		}
	}
	return skus
}

// Stats is what a lane looks like.
type Stats struct {
	// Waiting is how many pushes wait.
	Waiting int
	// OldestQueued is when the push that waits longest was queued; zero if none waits.
	OldestQueued time.Time
	// ReadbackDue is when the read-back was due that is overdue longest; zero if none is.
	ReadbackDue time.Time
}

// Stats looks at everything that waits.
func (l *Lane) Stats(now time.Time) Stats {
	s := Stats{Waiting: l.queue.size}
	for _, it := range l.queue.items {
		for _, waits := range it.waiting {
			s.OldestQueued = sooner(s.OldestQueued, waits.Waiting.QueuedTime())
		}
	}
	for r := range l.readbacks {
		if isDue(r, now) {
			s.ReadbackDue = sooner(s.ReadbackDue, r.Readback.NotBefore)
		}
	}
	return s
}

// InFlight is how many calls are in flight.
func (l *Lane) InFlight() int { return l.inFlight }

// Health is what an answer tells the circuit breaker.
type Health uint8

// The healths. Neutral tells nothing: the call was throttled, or none went out.
const (
	Healthy Health = iota
	Unhealthy
	Neutral
)

// HealthOf judges an answer for the circuit breaker.
func HealthOf(a *channels.Answer) Health {
	switch {
	case a.Failure:
		return Unhealthy
	case a.Calls == 0, isThrottled(a):
		return Neutral
	default:
		return Healthy
	}
}

func isThrottled(a *channels.Answer) bool {
	for i := range a.Verdicts {
		if v := &a.Verdicts[i]; v.Outcome != channels.Confirmed && v.Code.Class() == schemas.ClassThrottle {
			return true
		}
	}
	return false
}
