package processor

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"stockpush/processor/latest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

const (
	// maxRecordsBytes is where the Skipped records of one window go out before
	// it closes: about 130 of them, well below any broker's message limit.
	maxRecordsBytes = 16 << 10
	// maxHeldBytes bounds the encoded Skipped records that a partition holds
	// back; above it each goes out at once. 12 partitions hold at most 96 MiB.
	maxHeldBytes = 8 << 20
	// minRoom is how much room a window's records have before the next one is
	// added; they double, since append's own steps copy twice as much.
	minRoom = 256
)

// outbox produces what a partition's events come to, and resolves their
// offsets when Kafka has acknowledged all of it. Only its callbacks leave the
// partition's goroutine.
type outbox struct {
	deps       Deps
	assignment *stream.Assignment
	// skipped counts records for the metrics, which are told now and then.
	skipped int
	// held is how many bytes of Skipped records wait in open windows.
	held int
	// unacked counts messages that Kafka has not acknowledged yet.
	unacked atomic.Int64
	// settled has room for one: a hint that unacked fell to zero.
	settled chan struct{}
	// failed has room for the first error; the partition's goroutine reads it.
	failed chan error
}

func newOutbox(deps Deps, a *stream.Assignment) *outbox {
	return &outbox{deps: deps, assignment: a, settled: make(chan struct{}, 1), failed: make(chan error, 1)}
}

// skipped is an event that a newer one replaced in its window.
type skipped struct {
	loser  latest.Waiting
	winner *schemas.Event
	at     time.Time
}

// skip keeps the record of a replaced event with its window.
func (o *outbox) skip(ctx context.Context, w *latest.Entry, s skipped) {
	owned := o.attachment(w, s.winner.Key)
	before := len(owned.Records)
	owned.Records = schemas.AppendSkipped(withRoom(owned.Records), s.loser.Packed, s.winner, s.at)
	o.kept(ctx, w, before, s.loser.Offset)
}

// skippedRepeat is an event that repeats older quantities than those that wait.
type skippedRepeat struct {
	loser *schemas.Event
	at    time.Time
}

func (o *outbox) skipRepeat(ctx context.Context, w *latest.Entry, s skippedRepeat) {
	winner, err := schemas.UnpackEvent(s.loser.Key, w.Newest().Packed)
	if err != nil {
		o.fail(fmt.Errorf("unpack a waiting event of %s: %w", w.Key(), err))
		return
	}
	owned := o.attachment(w, s.loser.Key)
	before := len(owned.Records)
	record := schemas.SkippedBy(*s.loser, &winner, s.at)
	owned.Records = schemas.AppendRecord(owned.Records, &record)
	o.kept(ctx, w, before, s.loser.Position.Offset)
}

// kept counts a record that was added, and sends the window's records if too many wait.
func (o *outbox) kept(ctx context.Context, w *latest.Entry, before int, offset int64) {
	o.skipped++
	w.Owned.Offsets = append(w.Owned.Offsets, offset)
	o.held += len(w.Owned.Records) - before
	if len(w.Owned.Records) > maxRecordsBytes || o.held > maxHeldBytes {
		o.flush(ctx, w)
	}
}

func (o *outbox) attachment(w *latest.Entry, key schemas.Key) *latest.Attachment {
	if w.Owned == nil {
		w.Owned = &latest.Attachment{Records: schemas.AppendRecordsHeader(nil, key)}
		o.held += len(w.Owned.Records)
	}
	return w.Owned
}

func withRoom(records []byte) []byte {
	if cap(records)-len(records) < minRoom {
		return slices.Grow(records, max(minRoom, len(records)))
	}
	return records
}

// flush sends the window's records before it closes, and forgets them.
func (o *outbox) flush(ctx context.Context, w *latest.Entry) {
	owned := o.release(w)
	o.produce(ctx, o.recordsMessage(w, owned), o.resolveAfter(1, owned.Offsets))
}

func (o *outbox) release(w *latest.Entry) *latest.Attachment {
	owned := w.Owned
	w.Owned = nil
	o.held -= len(owned.Records)
	return owned
}

// send closes a window: its newest event becomes a command and a Pending
// record, which travels with the Skipped ones. The window's offsets are
// resolved when all of it is acknowledged.
func (o *outbox) send(ctx context.Context, w *latest.Entry, now time.Time) {
	key, err := schemas.ParseKey(w.Key())
	if err != nil {
		o.fail(err)
		return
	}
	var commands []*stream.Record
	for _, waiting := range w.Waiting() {
		event, err := schemas.UnpackEvent(key, waiting.Packed)
		if err != nil {
			o.fail(fmt.Errorf("unpack a waiting event of %s: %w", w.Key(), err))
			return
		}
		o.keepPending(w, &event, now)
		commands = append(commands, o.commandMessage(w, &schemas.Command{Event: event, QueuedAt: now}))
	}
	owned := o.release(w)
	done := o.resolveAfter(len(commands)+1, owned.Offsets)
	for _, message := range commands {
		o.produce(ctx, message, done)
	}
	o.produce(ctx, o.recordsMessage(w, owned), done)
	o.deps.Metrics.commands.Add(float64(len(commands)))
}

func (o *outbox) keepPending(w *latest.Entry, e *schemas.Event, queuedAt time.Time) {
	record := schemas.RecordOf(*e, schemas.Pending)
	record.QueuedAt = queuedAt
	owned := o.attachment(w, e.Key)
	before := len(owned.Records)
	owned.Records = schemas.AppendRecord(owned.Records, &record)
	owned.Offsets = append(owned.Offsets, e.Position.Offset)
	o.held += len(owned.Records) - before
}

func (o *outbox) commandMessage(w *latest.Entry, c *schemas.Command) *stream.Record {
	return &stream.Record{
		Topic:     o.deps.Topics.Commands(),
		Partition: schemas.PartitionFor([]byte(c.Key.Shop().String()), o.deps.Log.CommandPartitions),
		Key:       []byte(w.Key()),
		Value:     schemas.AppendCommand(nil, c),
	}
}

func (o *outbox) recordsMessage(w *latest.Entry, owned *latest.Attachment) *stream.Record {
	return &stream.Record{Topic: o.deps.Topics.Records(), Partition: stream.ByKey, Key: []byte(w.Key()), Value: owned.Records}
}

// resolveAfter resolves the offsets when it has been called for each of n messages.
func (o *outbox) resolveAfter(n int, offsets []int64) func() {
	left := new(atomic.Int32)
	left.Store(int32(n))
	return func() {
		if left.Add(-1) > 0 {
			return
		}
		o.assignment.ResolveAll(offsets)
	}
}

// produce hands a message to Kafka; acked runs when it is durable. A message
// that Kafka refuses for good ends the stage: going on would lose it.
func (o *outbox) produce(ctx context.Context, m *stream.Record, acked func()) {
	o.produceWith(ctx, o.deps.Producer, m, acked)
}

func (o *outbox) produceWith(ctx context.Context, p stream.Producer, m *stream.Record, acked func()) {
	o.unacked.Add(1)
	p.Produce(ctx, m, func(err error) {
		if err != nil {
			o.fail(fmt.Errorf("produce to %s: %w", m.Topic, err))
		} else {
			acked()
		}
		if o.unacked.Add(-1) == 0 {
			notify(o.settled)
		}
	})
}

func (o *outbox) fail(err error) {
	select {
	case o.failed <- err:
	default: // an earlier error is on its way already
	}
}

// drain waits until Kafka has answered for everything that was sent.
func (o *outbox) drain(ctx context.Context) error {
	for o.unacked.Load() > 0 {
		select {
		case <-ctx.Done():
			return nil
		case err := <-o.failed:
			return err
		case <-o.settled:
		}
	}
	return nil
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
