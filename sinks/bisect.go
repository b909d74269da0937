package sinks

import (
	"context"
	"errors"
	"slices"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// bisectBatch sends the good messages of a batch that the store refuses, each partition separately.
func (s *Sink) bisectBatch(ctx context.Context, l *pendingBatch) error {
	var errs []error
	for a, offsets := range l.offsets {
		messages, err := s.reread(ctx, a, offsets)
		if err == nil {
			err = s.resend(ctx, messages)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reread reads messages of a partition again. Those that Kafka has deleted since are missing.
func (s *Sink) reread(ctx context.Context, a *stream.Assignment, offsets []int64) ([]*kafka.Record, error) {
	messages := make([]*kafka.Record, 0, len(offsets))
	span := kafka.Span{Topic: a.Topic(), Partition: a.Partition(), From: offsets[0], To: offsets[len(offsets)-1] + 1}
	next := span.From // Reread may start over, so earlier offsets are ignored
	err := s.deps.Reread(ctx, span, func(m *kafka.Record) error {
		if _, ours := slices.BinarySearch(offsets, m.Offset); ours && m.Offset >= next {
			messages, next = append(messages, m), m.Offset+1
		}
		return nil
	})
	if gone := len(offsets) - len(messages); err == nil && gone > 0 {
		s.deps.Logger.Error("messages expired in Kafka before they were recorded (its retention is shorter than the store's outage)",
			"topic", span.Topic, "partition", span.Partition, "messages", gone)
	}
	return messages, err
}

// bisect resends refused messages in halves until the bad row is alone, and dead-letters that row.
func (s *Sink) bisect(ctx context.Context, messages []*kafka.Record, cause *RefusedError) error {
	if len(messages) == 1 {
		parts := split(messages[0])
		if len(parts) < 2 {
			return s.reject(ctx, messages[0], cause)
		}
		messages = parts
	}
	half := len(messages) / 2
	return errors.Join(s.resend(ctx, messages[:half]), s.resend(ctx, messages[half:]))
}

func (s *Sink) resend(ctx context.Context, messages []*kafka.Record) error {
	b := s.deps.NewBatch()
	for _, m := range messages {
		if err := s.add(b, m); err != nil {
			return err // impossible: collect added it
		}
	}
	err := s.try(ctx, b)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return s.bisect(ctx, messages, refused)
	}
	return err
}

// split returns a message's records and reports as one message each.
func split(m *kafka.Record) []*kafka.Record {
	var parts []*kafka.Record
	add := func(key string, value []byte) error {
		part := *m
		part.Key, part.Value = []byte(key), value
		parts = append(parts, &part)
		return nil
	}
	err := wire.DecodeRecordsAndReports(m.Value,
		func(r *schemas.Record) error {
			return add(r.Key.String(), wire.AppendRecord(wire.AppendRecordsHeader(nil, r.Key), r))
		},
		func(r *schemas.Report) error { return add(r.Key(), wire.EncodeReport(r)) })
	if err != nil {
		return nil // m is a dead letter
	}
	return parts
}

// reject dead-letters a row and waits until Kafka has acknowledged it. A refused row of the
// dead-letter topic itself is only logged.
func (s *Sink) reject(ctx context.Context, m *kafka.Record, cause *RefusedError) error {
	bad := schemas.BadEvent{Code: schemas.CodeRefusedByStore, Message: cause.Error()}
	if m.Topic == s.deps.Topics.DeadLetters() {
		s.report(m, bad)
		return nil
	}
	done := make(chan error, 1)
	s.deadLetter(ctx, m, bad, func(err error) { done <- err })
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-done:
		return err
	}
}

// deadLetter publishes a message that cannot be processed as a dead letter, so that nothing stalls.
func (s *Sink) deadLetter(ctx context.Context, m *kafka.Record, bad schemas.BadEvent, done func(error)) {
	s.report(m, bad)
	s.deps.DeadLetters.Produce(ctx, kafka.DeadLetterMessage(s.deps.Topics, &schemas.DeadLetter{
		BadEvent: bad, SourceTopic: m.Topic, SourcePartition: m.Partition, SourceOffset: m.Offset,
		Key: m.Key, Value: m.Value,
	}), done)
}

func (s *Sink) report(m *kafka.Record, bad schemas.BadEvent) {
	s.deps.Metrics.poison.Inc()
	s.deps.Logger.Error("message dead-lettered", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "code", bad.Code, "error", bad.Message)
}
