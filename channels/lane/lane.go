// Package lane is one shop's pushes as a state machine: what to call next, and what an
// answer means for each push.
//
// It owns the shop's store SKUs, the order of pushes, retries, holds and their probes, pauses and
// read-backs. It is pure: no goroutine, no context, no clock, no log, no Kafka. Its owner offers
// commands, asks Next what to call, makes the call, reports it with Pushed or Read, and writes the
// outcomes that each step returns. The owner has the rate limits and the circuit breaker, whose
// state changes with time alone.
package lane

import (
	"bytes"
	"iter"
	"maps"
	"time"

	"stockpush/channels/due"
	"stockpush/channels/sku"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// Config is the configuration of all lanes.
type Config struct {
	// MaxPendingAge is the age, without pauses, from which a push gets one last try.
	MaxPendingAge time.Duration
	// ShopConcurrency is how many calls of the shop may be in flight; at least 1.
	ShopConcurrency int
	// MaxLines is how many models one call may carry; at least 1.
	MaxLines int
	// BatchLinger is how long a push waits for others of its item; 0 disables it.
	BatchLinger time.Duration
	// ProbeInterval is the time between probes of a held shop.
	ProbeInterval time.Duration
	// ConfirmAfter is the time from an unknown outcome to its read-back.
	ConfirmAfter time.Duration
	// Shadow says that the channel's pushes change nothing. Then nothing is read back: the channel
	// does not show what was pushed.
	Shadow bool
}

// Lane is one shop's pushes. It is not safe for concurrent use.
type Lane struct {
	cfg *Config
	// skus are the shop's store SKUs by name.
	skus     map[string]*sku.SKU
	queue    queue
	inFlight int
	hold     *hold
	pause    pauseClock
	// readbacks are the store SKUs with a pending read-back. None is due before readbackAt;
	// none can become due by time alone if that is zero.
	readbacks  map[*sku.SKU]struct{}
	readbackAt time.Time
	// unpushed are the store SKUs whose last record is pushed again when the shop accepts pushes: it
	// failed because the shop was held, or an earlier owner pushed it in shadow mode only.
	unpushed map[*sku.SKU]struct{}
}

// New makes a lane without store SKUs.
func New(cfg *Config) *Lane {
	return &Lane{
		cfg: cfg, skus: map[string]*sku.SKU{}, queue: queue{items: map[int64]*item{}},
		readbacks: map[*sku.SKU]struct{}{}, unpushed: map[*sku.SKU]struct{}{},
	}
}

// SKU returns a store SKU of the shop, which it makes if it is new.
func (l *Lane) SKU(key schemas.Key) *sku.SKU {
	s := l.skus[key.StoreSKU]
	if s == nil {
		s = &sku.SKU{Key: key}
		l.skus[key.StoreSKU] = s
	}
	return s
}

// SKUs are the shop's store SKUs, in no order.
func (l *Lane) SKUs() iter.Seq[*sku.SKU] { return maps.Values(l.skus) }

// Restore takes a store SKU whose state was restored. It may be called again with a later state.
func (l *Lane) Restore(s *sku.SKU, now time.Time) {
	delete(l.readbacks, s)
	delete(l.unpushed, s)
	if s.Readback != nil {
		l.expectReadback(s, now)
	}
	if s.Last.Shadow && !l.cfg.Shadow {
		l.unpushed[s] = struct{}{}
	}
	l.restoreHold(s, now)
}

// Command is a command of a store SKU of the shop.
type Command struct {
	wire.Command
	// Offset is the command's own.
	Offset int64
	// Inherited says that an earlier owner of the partition left it, and MaybeSent that
	// that owner may have sent it before it ended.
	Inherited, MaybeSent bool
}

// Offer takes a command. It does not retain the command's memory.
func (l *Lane) Offer(c *Command, now time.Time) Result {
	var r Result
	s := l.SKU(c.Key)
	p := l.newPush(c, now)
	judgement := s.Judge(&c.Event)
	same := s.Push(c.Position)
	if c.MaybeSent && (judgement == sku.Stands || sentBefore(s, &c.Event)) {
		l.requireReadback(s, &c.Event, now)
	}
	switch judgement {
	case sku.FinishedAlready:
		r.add(Outcome{SKU: s, Record: s.Last.Bytes, Offsets: p.Offsets()})
	case sku.Superseded:
		by := s.NewestEvent()
		r.add(Outcome{SKU: s, Record: skipped(p, &by, now), SaveState: s.Unsaved, Offsets: p.Offsets()})
	case sku.Duplicate:
		same.Duplicates = append(same.Duplicates, c.Offset)
	case sku.Stands:
		l.stand(s, p, &c.Event, now, &r)
	}
	return r
}

// newPush makes the push of a command; a repair push has none of its own.
func (l *Lane) newPush(c *Command, now time.Time) *sku.Push {
	p := &sku.Push{
		Event: sku.Event{Position: c.Position, Encoded: bytes.Clone(c.Encoded)}, ItemID: c.ItemID, ModelID: c.ModelID, LocationID: c.LocationID,
		Qty: c.PushQty(), TriggeredAt: c.TriggeredAt, QueuedAt: c.QueuedAt,
		Offset: c.Offset, NotBefore: now.Add(l.cfg.BatchLinger), PausedBefore: l.pause.total(now),
	}
	if c.Inherited && l.pause.running() {
		p.PausedBefore -= now.Sub(c.QueuedAt) // it is unknown how long the earlier owner was paused: the age starts now
	}
	return p
}

// stand queues the push of a store SKU's newest event.
func (l *Lane) stand(s *sku.SKU, p *sku.Push, e *schemas.Event, now time.Time, r *Result) {
	s.Newest, r.Queued = &p.Event, p
	delete(l.unpushed, s)
	if replaced := l.queue.put(s, p); replaced != nil {
		l.skip(s, replaced, e, now, r)
	}
	if l.hold != nil && e.Reason == schemas.PushNow {
		l.hold.requested = true
	}
}

// SetPaused pauses the shop or ends its pause. A paused shop makes no call, and its pushes do not age.
func (l *Lane) SetPaused(paused bool, now time.Time) { l.pause.set(paused, now) }

// Paused says whether the shop is paused.
func (l *Lane) Paused() bool { return l.pause.running() }

// Stats describes a lane at one moment.
type Stats struct {
	// Waiting is how many pushes wait.
	Waiting int
	// OldestQueued is when the oldest waiting push was queued; zero if none waits.
	OldestQueued time.Time
	// ReadbackDue is when the most overdue read-back was due; zero if none is overdue.
	ReadbackDue time.Time
}

// Stats reads all pushes and read-backs that wait.
func (l *Lane) Stats(now time.Time) Stats {
	s := Stats{Waiting: l.queue.size}
	for _, it := range l.queue.items {
		for _, waits := range it.waiting {
			s.OldestQueued = due.Earlier(s.OldestQueued, waits.Waiting.QueuedAt)
		}
	}
	for r := range l.readbacks {
		if isDue(r, now) {
			s.ReadbackDue = due.Earlier(s.ReadbackDue, r.Readback.NotBefore)
		}
	}
	return s
}

// InFlight is how many calls are in flight.
func (l *Lane) InFlight() int { return l.inFlight }
