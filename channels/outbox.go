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
// resolved. What comes of one turn of the worker goes together, and what comes of turns
// that follow while much is under way. Only its callbacks run outside the worker's goroutine.
type outbox struct {
	deps       Deps
	assignment *stream.Assignment
	// owner says in every state who wrote it.
	owner []stream.Header
	// settled has room for one: a hint that something was acknowledged.
	settled chan struct{}
	failed  chan error
	// looked lets a store SKU's lane be looked at again.
	looked func(*storeSKU)
	// filling is what was not sent yet, nil while that is nothing. Sent are the parcels
	// before it whose states were not written yet, in their order.
	filling *parcel
	sent    []*parcel
	// underWay counts parcels that were sent and are not done with.
	underWay int

	mu sync.Mutex
	// next are the steps that acknowledgements allowed, in their order.
	next []func(ctx context.Context)
	open int
}

func newOutbox(deps Deps, a *stream.Assignment, owner string) *outbox {
	return &outbox{
		deps: deps, assignment: a, owner: []stream.Header{{Key: ownerHeader, Value: []byte(owner)}},
		settled: make(chan struct{}, 1), failed: make(chan error, 1),
	}
}

func (o *outbox) parcel() *parcel {
	if o.filling == nil {
		o.filling = newParcel(o.deps.RecordPartitions)
	}
	return o.filling
}

// record writes a terminal record, as it is packed, that the state need not carry.
func (o *outbox) record(s *storeSKU, record []byte, offsets ...int64) {
	p := o.parcel()
	p.offsets = append(p.offsets, offsets...)
	p.addRecord(s.key, record, firstOf(offsets))
}

// finish writes a terminal record and then the state as it is now.
func (o *outbox) finish(s *storeSKU, record []byte, of *push) {
	p := o.parcel()
	p.offsets = of.offsets(p.offsets)
	p.addRecord(s.key, record, of.offset)
	p.addState(s, of.offset).Headers = o.owner
	s.unsaved = false
	s.storing++
	p.stored = append(p.stored, s)
}

// state writes the state alone, as it is now.
func (o *outbox) state(s *storeSKU) {
	o.parcel().addState(s, schemas.NoOffset).Headers = o.owner
	s.unsaved = false
}

func firstOf(offsets []int64) int64 {
	if len(offsets) == 0 {
		return schemas.NoOffset
	}
	return offsets[0]
}

// maxUnderWay is how many parcels are under way when what comes of further turns is
// gathered: a busy worker's turns are short, and its messages would be, too.
const maxUnderWay = 4

// flush sends the records of what came of turns. While much is under way it goes on
// gathering: what is acknowledged then calls it again.
func (o *outbox) flush(ctx context.Context) {
	p := o.filling
	if p == nil || o.underWay >= maxUnderWay && !p.full() {
		return
	}
	o.filling = nil
	o.underWay++
	o.sent = append(o.sent, p)
	o.send(ctx, o.deps.Topics.Records(), stream.ByKey, p.records, func(ctx context.Context) {
		p.recorded = true
		o.store(ctx)
	})
}

// store writes the states of the parcels whose records are acknowledged, in the order
// of the parcels: an older state of a store SKU must not follow a newer one.
func (o *outbox) store(ctx context.Context) {
	for len(o.sent) > 0 && o.sent[0].recorded {
		p := o.sent[0]
		o.sent[0], o.sent = nil, o.sent[1:]
		for _, s := range p.stored {
			s.storing--
			o.looked(s)
		}
		o.send(ctx, o.deps.Topics.State(), o.assignment.Partition(), p.states, func(context.Context) {
			o.assignment.ResolveAll(p.offsets)
			p.free()
			o.underWay--
		})
	}
}

// send produces messages for one topic; then follows when all are acknowledged.
func (o *outbox) send(ctx context.Context, topic string, partition int32, messages []*message, then func(context.Context)) {
	g := &group{unacked: len(messages), then: then}
	if len(messages) == 0 {
		o.mu.Lock()
		o.next = append(o.next, then)
		o.mu.Unlock()
		o.hint()
		return
	}
	for _, m := range messages {
		m.Topic, m.Partition = topic, partition
		o.produce(ctx, m, g)
	}
}

// group is messages after the last of which a step follows; the outbox's lock guards it.
type group struct {
	unacked int
	then    func(context.Context)
}

// putAside sends a message that nobody can work with to the dead letters, so that
// nothing stalls.
func (o *outbox) putAside(ctx context.Context, r *stream.Record, bad schemas.BadEvent, g *group) {
	o.deps.Metrics.poison.Inc()
	letter := schemas.DeadLetter{
		BadEvent: bad, SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset, Key: r.Key, Value: r.Value,
	}
	o.begin()
	stream.PutAside(ctx, o.deps.DeadLetters, o.deps.Topics, letter, func(err error) {
		if err != nil {
			err = fmt.Errorf("produce to %s: %w", o.deps.Topics.DeadLetters(), err)
		}
		o.answered(err, g)
	})
}

// poison puts a command aside.
func (o *outbox) poison(ctx context.Context, r *stream.Record, bad schemas.BadEvent) {
	o.putAside(ctx, r, bad, &group{1, func(context.Context) { o.assignment.Resolve(r.Offset) }})
}

// produce queues the step that follows for the worker's goroutine: a producer's
// callback must not produce itself. What Kafka will never take is sent smaller, and
// at last goes to the dead letters as of the command that it came of; the step follows all the same.
func (o *outbox) produce(ctx context.Context, m *message, g *group) {
	o.begin()
	o.deps.Producer.Produce(ctx, &m.Record, func(err error) {
		switch {
		case stream.Refused(err):
			o.answered(nil, &group{1, func(ctx context.Context) { o.refused(ctx, m, err, g) }})
		case err != nil:
			o.answered(fmt.Errorf("produce to %s: %w", m.Topic, err), nil)
		default:
			o.answered(nil, g)
		}
	})
}

// refused sends what Kafka refused for good in parts that it may take.
func (o *outbox) refused(ctx context.Context, m *message, cause error, g *group) {
	var parts []*message
	if m.Topic == o.deps.Topics.Records() {
		parts = m.parts()
	}
	if len(parts) > 0 {
		o.mu.Lock()
		g.unacked += len(parts) - 1
		o.mu.Unlock()
		for _, part := range parts {
			part.Topic, part.Partition = m.Topic, stream.ByKey
			o.produce(ctx, part, g)
		}
		return
	}
	of := &stream.Record{Topic: m.Topic, Partition: o.assignment.Partition(), Offset: m.of[0], Key: m.Key, Value: m.Value}
	o.deps.Logger.Error("kafka refuses a message for good, it goes to the dead letters", "topic", m.Topic, "partition", of.Partition, "command", of.Offset, "error", cause)
	o.putAside(ctx, of, schemas.BadEvent{Code: schemas.CodeRefusedByKafka, Message: cause.Error()}, g)
}

func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open++
}

// answered takes what became of a message of a group: an error ends the stage.
func (o *outbox) answered(err error, g *group) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.fail(err)
	} else if g.unacked--; g.unacked == 0 {
		o.next = append(o.next, g.then)
	}
	o.open--
	o.hint()
}

func (o *outbox) hint() {
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
	return o.open == 0 && len(o.next) == 0 && o.filling == nil
}
