package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/schemas"
)

// DeadLetterMessage is a dead letter as it is produced: in the partition, and with
// the key, that its source had.
func DeadLetterMessage(topics schemas.Topics, letter *schemas.DeadLetter) *Record {
	m := &Record{Topic: topics.DeadLetters(), Partition: letter.SourcePartition, Key: letter.FittingKey(), Value: letter.FittingValue()}
	letter.Headers(func(name, value string) {
		m.Headers = append(m.Headers, Header{Key: name, Value: []byte(value)})
	})
	for _, h := range letter.FittingReceived() {
		m.Headers = append(m.Headers, Header{Key: h.Name, Value: h.Value})
	}
	return m
}

// Refused says whether Kafka will never take a message, whatever is waited for,
// and the fault is the message's: others may well be taken.
func Refused(err error) bool {
	for _, refusal := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// SendDeadLetter produces a dead letter. Done is called once.
func SendDeadLetter(ctx context.Context, p Producer, topics schemas.Topics, letter schemas.DeadLetter, done func(error)) {
	p.Produce(ctx, DeadLetterMessage(topics, &letter), done)
}

// DeadLetters is the producer of dead letters. One that Kafka refuses is cut, and one that it
// refuses all the same is only logged and counted: a dead letter never ends a stage by its content.
type DeadLetters struct {
	producer Producer
	topics   schemas.Topics
	log      *slog.Logger
	poison   *prometheus.CounterVec
}

// NewDeadLetters makes the producer; p takes messages of up to schemas.MaxDeadLetterBytes.
func NewDeadLetters(p Producer, topics schemas.Topics, log *slog.Logger, r prometheus.Registerer) *DeadLetters {
	d := &DeadLetters{p, topics, log, promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "stockpush_stream_poison_total",
		Help: "Positions of a topic that were skipped because they cannot be fetched, unpacked or decoded, or because Kafka refuses their dead letter.",
	}, []string{"topic"})}
	for _, topic := range []string{topics.Events(), topics.Commands(), topics.State(), topics.Records(), topics.DeadLetters()} {
		d.poison.WithLabelValues(topic)
	}
	return d
}

// Produce stores a dead letter, or as much of it as Kafka takes.
func (d *DeadLetters) Produce(ctx context.Context, r *Record, done func(error)) {
	d.producer.Produce(ctx, r, func(err error) {
		if !Refused(err) {
			done(err)
			return
		}
		smaller := smallerLetter(r)
		if smaller == nil {
			d.skip(r, err)
			done(nil)
			return
		}
		go d.Produce(ctx, smaller, done) // a callback must not produce; who waits for done waits for this
	})
}

// smallerLetter is a dead letter for a topic that takes less than it should: with the first 64 KiB
// of its value, then without a value, then without a key. Nil if nothing is left to cut.
func smallerLetter(r *Record) *Record {
	header := schemas.HeaderTruncated
	smaller := &Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key}
	switch {
	case len(r.Value) > schemas.MaxTruncatedBytes:
		smaller.Value = r.Value[:schemas.MaxTruncatedBytes]
	case len(r.Value) > 0:
	case len(r.Key) > 0:
		smaller.Key, header = nil, schemas.HeaderKeyTruncated
	default:
		return nil
	}
	is := func(h Header) bool { return h.Key == header }
	smaller.Headers = append(slices.DeleteFunc(slices.Clone(r.Headers), is), Header{Key: header, Value: []byte("true")})
	return smaller
}

// skip says that nothing but the log and a counter will tell of a dead letter.
func (d *DeadLetters) skip(r *Record, cause error) {
	var letter schemas.DeadLetter
	for _, h := range r.Headers {
		_ = letter.TakeHeader(h.Key, string(h.Value)) // we wrote them
	}
	d.count(letter.SourceTopic, 1)
	d.log.Error("kafka refuses a dead letter, it is skipped (compare max.message.bytes of the dead-letters topic: `stockpush setup --check`)",
		"topic", letter.SourceTopic, "partition", letter.SourcePartition, "offset", letter.SourceOffset, "code", letter.Code, "error", cause)
}

// count counts positions of a topic that were skipped.
func (d *DeadLetters) count(topic string, positions int64) {
	d.poison.WithLabelValues(topic).Add(float64(positions))
}

// maxLetters bounds the dead letters of a batch that cannot be read: it may claim two billion records.
const maxLetters = 10_000

// lettersOf is how many dead letters so many offsets get that cannot be read: those of the first.
func lettersOf(offsets int64) int64 { return min(offsets, maxLetters) }

// Unreadable stores dead letters of what a read of a topic had to skip. It does not wait for them.
func (d *DeadLetters) Unreadable(of Span, cause error) {
	go d.putUnreadable(context.Background(), of, cause, func(offset int64, err error) { // ends with the producer at the latest
		if err != nil {
			d.log.Error("a dead letter was not stored", "topic", of.Topic, "partition", of.Partition, "offset", offset, "error", err)
		}
	})
}

// putUnreadable logs and counts a span that cannot be read, and stores a dead letter for each offset.
func (d *DeadLetters) putUnreadable(ctx context.Context, of Span, cause error, done func(offset int64, err error)) {
	letters := lettersOf(of.To - of.From)
	d.count(of.Topic, of.To-of.From)
	d.log.Error("messages cannot be read, they are skipped", "topic", of.Topic, "partition", of.Partition,
		"first_offset", of.From, "last_offset", of.To-1, "dead_letters", letters, "error", cause)
	for offset := of.From; offset < of.From+letters; offset++ {
		letter := schemas.DeadLetter{
			BadEvent: schemas.BadEvent{
				Code:    schemas.CodeUnreadableBatch,
				Message: fmt.Sprintf("offsets %d to %d cannot be read: %v", of.From, of.To-1, cause),
			},
			SourceTopic: of.Topic, SourcePartition: of.Partition, SourceOffset: offset,
		}
		SendDeadLetter(ctx, d, d.topics, letter, func(err error) { done(offset, err) })
	}
}

// PanicError is a panic at one message.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Guard runs the work for one message and returns its panic as a PanicError.
func Guard(work func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	work()
	return nil
}
