package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// reject sends a bad event to the dead letters, as it was received. Its offset
// is resolved when it lies there.
func (o *outbox) reject(ctx context.Context, r *stream.Record, cause error) {
	var bad *schemas.BadEvent
	if !errors.As(cause, &bad) {
		bad = &schemas.BadEvent{Code: schemas.CodeNotJSON, Message: cause.Error()}
	}
	letter := schemas.DeadLetter{
		BadEvent:    *bad,
		SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset,
		Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
	}
	o.putAside(ctx, letter, func() { o.assignment.Resolve(letter.SourceOffset) })
}

// panicked puts an event aside at which the stage itself failed.
func (o *outbox) panicked(ctx context.Context, r *stream.Record, cause error) {
	o.deps.Logger.Error("the stage failed at an event, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", cause, "stack", stackOf(cause))
	o.reject(ctx, r, &schemas.BadEvent{Code: schemas.CodePanicked, Message: cause.Error()})
}

func stackOf(err error) string {
	if p, ok := errors.AsType[*stream.PanicError](err); ok {
		return string(p.Stack)
	}
	return ""
}

func (o *outbox) putAside(ctx context.Context, letter schemas.DeadLetter, then func()) {
	o.deps.Metrics.rejected(letter.Code)
	o.unacked.Add(1)
	stream.PutAside(ctx, o.deps.DeadLetters, o.deps.Topics, letter, func(err error) {
		if err != nil {
			o.fail(fmt.Errorf("produce to %s: %w", o.deps.Topics.DeadLetters(), err))
		} else {
			then()
		}
		o.settle()
	})
}

// refused deals with a message that Kafka will never take; then runs when what
// takes its place is durable.
func (o *outbox) refused(ctx context.Context, m *stream.Record, cause error, then func()) {
	if m.Topic == o.deps.Topics.Commands() {
		o.refusedCommand(ctx, m, cause, then)
		return
	}
	o.refusedRecords(ctx, m, cause, then)
}

// refusedCommand ends the command's event: it failed.
func (o *outbox) refusedCommand(ctx context.Context, m *stream.Record, cause error, then func()) {
	c, err := schemas.DecodeCommand(m.Value)
	if err != nil {
		o.fail(err)
		return
	}
	o.tellRefused(m.Topic, c.Position.Offset, cause)
	r := schemas.RecordOf(c.Event, schemas.Failed)
	r.FailureCode, r.FailureReason = schemas.UnknownFailure, "Kafka refuses the command: "+cause.Error()
	r.QueuedAt, r.FinishedAt = c.QueuedAt, time.Now()
	o.produce(ctx, o.alone(&r), then)
}

// refusedRecords sends a message's records one by one; one that is refused alone
// goes to the dead letters.
func (o *outbox) refusedRecords(ctx context.Context, m *stream.Record, cause error, then func()) {
	var each []*stream.Record
	var offset int64
	err := schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		each, offset = append(each, o.alone(r)), r.Position.Offset
		return nil
	})
	if err != nil {
		o.fail(fmt.Errorf("split a message of records: %w", err))
		return
	}
	if len(each) > 1 {
		done := countdown(len(each), then)
		for _, message := range each {
			o.produce(ctx, message, done)
		}
		return
	}
	o.tellRefused(m.Topic, offset, cause)
	o.putAside(ctx, schemas.DeadLetter{
		BadEvent:    schemas.BadEvent{Code: schemas.CodeRefusedByKafka, Message: cause.Error()},
		SourceTopic: o.assignment.Topic(), SourcePartition: o.assignment.Partition(), SourceOffset: offset,
		Key: m.Key, Value: m.Value,
	}, then)
}

// alone is a record as a message of its own.
func (o *outbox) alone(r *schemas.Record) *stream.Record {
	key := r.Key.String()
	value := schemas.AppendRecord(schemas.AppendRecordsHeader(nil, r.Key), r)
	return &stream.Record{Topic: o.deps.Topics.Records(), Partition: stream.ByKey, Key: []byte(key), Value: value}
}

// countdown calls then when it has been called n times.
func countdown(n int, then func()) func() {
	left := new(atomic.Int32)
	left.Store(int32(n))
	return func() {
		if left.Add(-1) == 0 {
			then()
		}
	}
}

func (o *outbox) tellRefused(topic string, offset int64, cause error) {
	o.deps.Logger.Error("kafka refuses a message for good, it is put aside", "topic", topic, "partition", o.assignment.Partition(), "offset", offset, "error", cause)
}
