package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// DeadLetterMessage returns a dead letter as a message. It has the key and the partition of its
// source.
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

// Refused says whether Kafka will never accept a message because of the message itself.
func Refused(err error) bool {
	for _, refusal := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// DeadLetters produces dead letters. If Kafka refuses one it is shortened, and if Kafka refuses
// that too it is only logged and counted. So a dead letter's content never ends a stage.
type DeadLetters struct {
	producer Producer
	topics   schemas.Topics
	log      *slog.Logger
	poison   *prometheus.CounterVec
}

// NewDeadLetters makes the producer. p accepts messages of up to schemas.MaxDeadLetterBytes.
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

// Produce stores a dead letter, or as much of it as Kafka accepts.
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
		go d.Produce(ctx, smaller, done) // a callback must not block
	})
}

// smallerLetter returns a shorter dead letter: with the first 64 KiB of its value, then without
// a value, then without a key. It returns nil if nothing is left to remove.
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

// skip logs and counts a dead letter that is not stored.
func (d *DeadLetters) skip(r *Record, cause error) {
	var letter schemas.DeadLetter
	for _, h := range r.Headers {
		_ = letter.TakeHeader(h.Key, string(h.Value)) // we wrote them
	}
	d.poison.WithLabelValues(letter.SourceTopic).Inc()
	d.log.Error("kafka refuses a dead letter, it is skipped (compare max.message.bytes of the dead-letters topic: `stockpush setup --check`)",
		"topic", letter.SourceTopic, "partition", letter.SourcePartition, "offset", letter.SourceOffset, "code", letter.Code, "error", cause)
}

// maxLetters bounds the dead letters of an unreadable batch, which may claim two billion records.
const maxLetters = 10_000

// LettersOf returns how many of so many unreadable offsets, from the first on, get a dead letter.
func LettersOf(offsets int64) int64 { return min(offsets, maxLetters) }

// Unreadable stores dead letters for offsets that a read of a topic skipped. It never blocks.
func (d *DeadLetters) Unreadable(of Span, cause error) {
	go d.PutUnreadable(context.Background(), of, cause, func(offset int64, err error) { // ends with the producer at the latest
		if err != nil {
			d.log.Error("a dead letter was not stored", "topic", of.Topic, "partition", of.Partition, "offset", offset, "error", err)
		}
	})
}

// PutUnreadable logs and counts an unreadable span, and stores a dead letter for each offset.
func (d *DeadLetters) PutUnreadable(ctx context.Context, of Span, cause error, done func(offset int64, err error)) {
	letters := LettersOf(of.To - of.From)
	d.poison.WithLabelValues(of.Topic).Add(float64(of.To - of.From))
	d.log.Error("messages cannot be read, they are skipped", "topic", of.Topic, "partition", of.Partition,
		"first_offset", of.From, "last_offset", of.To-1, "dead_letters", letters, "error", cause)
	for offset := of.From; offset < of.From+letters; offset++ {
		letter := DeadLetterMessage(d.topics, &schemas.DeadLetter{
			BadEvent: schemas.BadEvent{
				Code:    schemas.CodeUnreadableBatch,
				Message: fmt.Sprintf("offsets %d to %d cannot be read: %v", of.From, of.To-1, cause),
			},
			SourceTopic: of.Topic, SourcePartition: of.Partition, SourceOffset: offset,
		})
		d.Produce(ctx, letter, func(err error) {
			if err != nil {
				err = fmt.Errorf("produce to %s: %w", d.topics.DeadLetters(), err)
			}
			done(offset, err)
		})
	}
}

// ContentType returns the value of a message's last header content-type; nil if there is none.
func ContentType(r *Record) []byte { return HeaderValue(r, stockevent.HeaderContentType) }

// HeaderValue returns the value of a message's last header with a key; nil if there is none.
func HeaderValue(r *Record, key string) (value []byte) {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			value = r.Headers[i].Value
		}
	}
	return value
}

// MessageHeaders returns a message's headers for a dead letter.
func MessageHeaders(r *Record) []schemas.MessageHeader {
	headers := make([]schemas.MessageHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = schemas.MessageHeader{Name: h.Key, Value: h.Value}
	}
	return headers
}
