package channels

import (
	"context"
	"fmt"
	"sync"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// outbox writes what pushes come to, in the order that makes a restart
// harmless: the record is acknowledged, then the state, then the offset is
// resolved. Only its callbacks run outside the worker's goroutine.
type outbox struct {
	deps       Deps
	assignment *stream.Assignment
	// settled has room for one: a hint that something was acknowledged.
	settled chan struct{}
	failed  chan error
	// looked lets a store SKU's lane be looked at again.
	looked func(*storeSKU)

	mu sync.Mutex
	// next are the steps that acknowledgements allowed, in their order.
	next []func(ctx context.Context)
	open int
}

// usualBytes is what most states take; a record is about half of one.
const usualBytes = 512

func newOutbox(deps Deps, a *stream.Assignment) *outbox {
	return &outbox{deps: deps, assignment: a, settled: make(chan struct{}, 1), failed: make(chan error, 1)}
}

// record writes a terminal record that the state need not carry.
func (o *outbox) record(ctx context.Context, r schemas.Record, offsets []int64) {
	o.produce(ctx, o.recordMessage(&r), offsets, func(context.Context) { o.assignment.ResolveAll(offsets) })
}

// finish writes a terminal record and then the state as it is now.
func (o *outbox) finish(ctx context.Context, r schemas.Record, s *storeSKU, offsets []int64) {
	state := o.stateMessage(s)
	s.storing++
	o.produce(ctx, o.recordMessage(&r), offsets, func(ctx context.Context) {
		s.storing--
		o.looked(s)
		o.produce(ctx, state, offsets, func(context.Context) { o.assignment.ResolveAll(offsets) })
	})
}

// state writes the state alone, as it is now, with the next steps.
func (o *outbox) state(s *storeSKU) {
	state := o.stateMessage(s)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = append(o.next, func(ctx context.Context) { o.produce(ctx, state, nil, func(context.Context) {}) })
}

func (o *outbox) recordMessage(r *schemas.Record) *stream.Record {
	value := schemas.AppendRecord(schemas.AppendRecordsHeader(make([]byte, 0, usualBytes/2), r.Key), r)
	return &stream.Record{Topic: o.deps.Topics.Records(), Partition: stream.ByKey, Key: []byte(r.Key.String()), Value: value}
}

func (o *outbox) stateMessage(s *storeSKU) *stream.Record {
	s.unsaved = false
	return &stream.Record{
		Topic: o.deps.Topics.State(), Partition: o.assignment.Partition(),
		Key: []byte(s.key.String()), Value: schemas.AppendState(make([]byte, 0, usualBytes), s.state()),
	}
}

// putAside sends a message that nobody can work with to the dead letters, so that
// nothing stalls.
func (o *outbox) putAside(ctx context.Context, r *stream.Record, bad schemas.BadEvent, then func(context.Context)) {
	o.deps.Metrics.poison.Inc()
	letter := schemas.DeadLetter{
		BadEvent: bad, SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset, Key: r.Key, Value: r.Value,
	}
	o.begin()
	stream.PutAside(ctx, o.deps.DeadLetters, o.deps.Topics, letter, func(err error) {
		if err != nil {
			err = fmt.Errorf("produce to %s: %w", o.deps.Topics.DeadLetters(), err)
		}
		o.answered(err, then)
	})
}

// poison puts a command aside.
func (o *outbox) poison(ctx context.Context, r *stream.Record, bad schemas.BadEvent) {
	o.putAside(ctx, r, bad, func(context.Context) { o.assignment.Resolve(r.Offset) })
}

// produce queues the step that follows for the worker's goroutine: a producer's
// callback must not produce itself. What Kafka will never take goes to the dead
// letters as of the command that it came of, and the step follows all the same.
func (o *outbox) produce(ctx context.Context, m *stream.Record, offsets []int64, then func(context.Context)) {
	o.begin()
	o.deps.Producer.Produce(ctx, m, func(err error) {
		switch {
		case stream.Refused(err):
			o.answered(nil, func(ctx context.Context) { o.refused(ctx, m, offsets, err, then) })
		case err != nil:
			o.answered(fmt.Errorf("produce to %s: %w", m.Topic, err), nil)
		default:
			o.answered(nil, then)
		}
	})
}

func (o *outbox) refused(ctx context.Context, m *stream.Record, offsets []int64, cause error, then func(context.Context)) {
	of := &stream.Record{Topic: m.Topic, Partition: o.assignment.Partition(), Offset: schemas.NoOffset, Key: m.Key, Value: m.Value}
	if len(offsets) > 0 {
		of.Offset = offsets[0]
	}
	o.deps.Logger.Error("kafka refuses a message for good, it goes to the dead letters", "topic", m.Topic, "partition", of.Partition, "command", of.Offset, "error", cause)
	o.putAside(ctx, of, schemas.BadEvent{Code: schemas.CodeRefusedByKafka, Message: cause.Error()}, then)
}

func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open++
}

// answered takes what became of a message: an error ends the stage.
func (o *outbox) answered(err error, then func(context.Context)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.fail(err)
	} else {
		o.next = append(o.next, then)
	}
	o.open--
	select {
	case o.settled <- struct{}{}:
	default:
	}
}

func (o *outbox) fail(err error) {
	select {
	case o.failed <- err:
	default: // an earlier error is on its way already
	}
}

// advance takes the steps that acknowledgements allowed since the last time. While
// we may not be the owner any more none is taken, and held says so: a state of
// ours could land over one of the next owner's.
func (o *outbox) advance(ctx context.Context) (held bool) {
	if o.assignment.Alive() {
		o.take(ctx)
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.next) > 0
}

func (o *outbox) take(ctx context.Context) {
	o.mu.Lock()
	steps := o.next
	o.next = nil
	o.mu.Unlock()
	for _, step := range steps {
		step(ctx)
	}
}

// idle says that nothing is unacknowledged and no step is left.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open == 0 && len(o.next) == 0
}
