package outbox

import (
	"context"
	"fmt"
	"log/slog"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// maxInFlight is how many messages of an Outbox may be unacknowledged. It is the capacity of
// the channel of acknowledgements, so a producer's callback never blocks.
const maxInFlight = 4096

// Deps are what an Outbox needs from outside.
type Deps struct {
	Producer kafka.Producer
	// DeadLetters takes dead letters; a DeadLetters refuses none.
	DeadLetters kafka.Producer
	Topics      schemas.Topics
	Logger      *slog.Logger
	// DeadLettered receives the error code of each dead letter.
	DeadLettered func(code string)
}

// Outbox produces the results of a partition's work and reports to the partition's owner what
// Kafka acknowledged.
//
// Messages are sent in turns. One goroutine owns an Outbox: it calls every method, and passes
// each value that Acks delivers to Handle.
type Outbox struct {
	deps       Deps
	assignment *stream.Assignment
	acks       chan Ack
	// received are acknowledgements that Handle has not applied.
	received []Ack
	inFlight int
	// waiting are the turns whose second step was not sent, in order.
	waiting []*turn
	// open counts turns that are not finished.
	open int
}

// Turn is the result of one turn of the owner's loop.
type Turn struct {
	// First are sent at once. Second are sent when Kafka has acknowledged First of this
	// turn and of all turns before it.
	First, Second []*Message
	// Offsets are resolved when Kafka has acknowledged all of the turn.
	Offsets []int64
}

// Message is a message to produce.
type Message struct {
	kafka.Record
	// Sources are offsets of the owner's partition: for each record, the message that it results from.
	Sources []int64

	isLetter bool
}

// turn is a Turn that was sent.
type turn struct {
	Turn
	// unacknowledged counts messages of the step that was sent last.
	unacknowledged int
	secondSent     bool
}

// Ack is Kafka's answer to a message.
type Ack struct {
	turn    *turn
	message *Message
	err     error
}

// New makes the outbox of a partition's owner.
func New(deps Deps, a *stream.Assignment) *Outbox {
	return &Outbox{deps: deps, assignment: a, acks: make(chan Ack, maxInFlight)}
}

// Acks delivers acknowledgements, which the owner passes to Handle.
func (o *Outbox) Acks() <-chan Ack { return o.acks }

// Open returns how many turns are not finished.
func (o *Outbox) Open() int { return o.open }

// Send sends a turn. It blocks while too many messages are in flight.
func (o *Outbox) Send(ctx context.Context, t Turn) {
	sent := &turn{Turn: t, unacknowledged: len(t.First)}
	o.open++
	o.waiting = append(o.waiting, sent)
	o.produceAll(ctx, sent, t.First)
	o.Advance(ctx) // a turn may have no first step
}

// Handle applies an acknowledgement and all others that have arrived. An error ends the stage:
// continuing would lose a message.
func (o *Outbox) Handle(ctx context.Context, a Ack) error {
	o.receive(a)
	for len(o.acks) > 0 { // only the owner receives
		o.receive(<-o.acks)
	}
	for len(o.received) > 0 {
		next := o.received[0]
		o.received = o.received[1:]
		if err := o.apply(ctx, next); err != nil {
			return err
		}
	}
	o.Advance(ctx)
	return nil
}

func (o *Outbox) receive(a Ack) {
	o.inFlight--
	o.received = append(o.received, a)
}

func (o *Outbox) apply(ctx context.Context, a Ack) error {
	switch {
	case a.err == nil:
		o.acknowledged(a.turn)
	case kafka.Refused(a.err) && !a.message.isLetter:
		o.refused(ctx, a)
	default:
		return fmt.Errorf("produce to %s: %w", a.message.Topic, a.err)
	}
	return nil
}

func (o *Outbox) acknowledged(t *turn) {
	t.unacknowledged--
	if t.secondSent && t.unacknowledged == 0 {
		o.finish(t)
	}
}

// Advance sends the second steps that acknowledgements allow. While another process may own the
// partition it sends none and returns true: our state could follow one of the new owner's.
func (o *Outbox) Advance(ctx context.Context) (held bool) {
	for len(o.waiting) > 0 && o.waiting[0].unacknowledged == 0 {
		t := o.waiting[0]
		if len(t.Second) > 0 && !o.assignment.Alive() {
			return true
		}
		o.waiting[0], o.waiting = nil, o.waiting[1:]
		t.secondSent, t.unacknowledged = true, len(t.Second)
		o.produceAll(ctx, t, t.Second)
		if len(t.Second) == 0 {
			o.finish(t)
		}
	}
	return false
}

func (o *Outbox) finish(t *turn) {
	o.assignment.Resolve(t.Offsets...)
	o.open--
}

func (o *Outbox) produceAll(ctx context.Context, t *turn, messages []*Message) {
	for _, m := range messages {
		o.produce(ctx, t, m)
	}
}

func (o *Outbox) produce(ctx context.Context, t *turn, m *Message) {
	if !o.makeRoom(ctx) {
		return
	}
	o.inFlight++
	producer := o.deps.Producer
	if m.isLetter {
		producer = o.deps.DeadLetters
	}
	producer.Produce(ctx, &m.Record, func(err error) { o.acks <- Ack{t, m, err} })
}

// makeRoom waits until another message may be in flight. Acknowledgements that it receives are
// handled later. It returns false if the owner ends: then nothing receives more of them.
func (o *Outbox) makeRoom(ctx context.Context) bool {
	for o.inFlight >= maxInFlight {
		select {
		case a := <-o.acks:
			o.receive(a)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// DeadLetter sends a dead letter. Its acknowledgement resolves the offsets.
func (o *Outbox) DeadLetter(ctx context.Context, letter schemas.DeadLetter, offsets ...int64) {
	o.Send(ctx, Turn{First: []*Message{o.letter(letter)}, Offsets: offsets})
}

func (o *Outbox) letter(letter schemas.DeadLetter) *Message {
	o.deps.DeadLettered(letter.Code)
	return &Message{Record: *kafka.DeadLetterMessage(o.deps.Topics, &letter), isLetter: true}
}

// refused replaces a message that Kafka will never accept: records by smaller messages, a command
// by a Failed record, and anything else by a dead letter.
func (o *Outbox) refused(ctx context.Context, a Ack) {
	replacements := o.replacements(a)
	a.turn.unacknowledged += len(replacements)
	o.produceAll(ctx, a.turn, replacements)
	o.acknowledged(a.turn)
}

func (o *Outbox) replacements(a Ack) []*Message {
	m := a.message
	if m.Topic == o.deps.Topics.Records() {
		if parts := splitRecords(m); len(parts) > 0 {
			return parts
		}
	}
	o.deps.Logger.Error("kafka refused a message", "topic", m.Topic,
		"source_topic", o.assignment.Topic(), "source_partition", o.assignment.Partition(), "source_offset", m.Sources[0], "error", a.err)
	if m.Topic == o.deps.Topics.Commands() {
		if failed := failedRecord(o.deps.Topics, m, a.err); failed != nil {
			return []*Message{failed}
		}
	}
	return []*Message{o.letter(schemas.DeadLetter{
		BadEvent:    schemas.BadEvent{Code: schemas.CodeRefusedByKafka, Message: a.err.Error()},
		SourceTopic: o.assignment.Topic(), SourcePartition: o.assignment.Partition(), SourceOffset: m.Sources[0], Key: m.Key, Value: m.Value,
	})}
}
