package sinks

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// isolateLoad sends what can be sent of a load that the store refuses, each partition's
// messages by themselves.
func (s *Sink) isolateLoad(ctx context.Context, l *load) error {
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

// reread reads messages of a partition again. What Kafka has dropped since is gone.
func (s *Sink) reread(ctx context.Context, a *stream.Assignment, offsets []int64) ([]*stream.Record, error) {
	messages := make([]*stream.Record, 0, len(offsets))
	span := stream.Span{Topic: a.Topic(), Partition: a.Partition(), From: offsets[0], To: offsets[len(offsets)-1] + 1}
	next := span.From // behind the last one, since they may begin with the first one once more
	err := s.deps.Reread(ctx, span, func(m *stream.Record) error {
		if _, ours := slices.BinarySearch(offsets, m.Offset); ours && m.Offset >= next {
			messages, next = append(messages, m), m.Offset+1
		}
		return nil
	})
	if gone := len(offsets) - len(messages); err == nil && gone > 0 {
		s.deps.Logger.Error("messages that the store has not taken are no longer in Kafka (its retention was shorter than the store's outage)",
			"topic", span.Topic, "partition", span.Partition, "messages", gone)
	}
	return messages, err
}

// isolate sends messages that the store refuses together in halves, and those in
// halves, until the row to blame is alone; that one goes to the dead letters.
func (s *Sink) isolate(ctx context.Context, messages []*stream.Record, cause *RefusedError) error {
	if len(messages) == 1 {
		parts := split(messages[0])
		if len(parts) < 2 {
			return s.blame(ctx, messages[0], cause)
		}
		messages = parts
	}
	half := len(messages) / 2
	return errors.Join(s.resend(ctx, messages[:half]), s.resend(ctx, messages[half:]))
}

func (s *Sink) resend(ctx context.Context, messages []*stream.Record) error {
	b := s.deps.NewBatch()
	for _, m := range messages {
		if err := s.add(b, m); err != nil {
			return err // it was added before
		}
	}
	err := s.try(ctx, b)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return s.isolate(ctx, messages, refused)
	}
	return err
}

// split is a message's records, each as a message of its own.
func split(m *stream.Record) []*stream.Record {
	var parts []*stream.Record
	err := schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		part := *m
		part.Key = []byte(r.Key.String())
		part.Value = schemas.AppendRecord(schemas.AppendRecordsHeader(nil, r.Key), r)
		parts = append(parts, &part)
		return nil
	})
	if err != nil {
		return nil // a dead letter
	}
	return parts
}

// blame puts a row aside and waits until it lies in the dead letters. A dead letter
// that the store refuses lies there already.
func (s *Sink) blame(ctx context.Context, m *stream.Record, cause *RefusedError) error {
	bad := schemas.BadEvent{Code: schemas.CodeRefusedByStore, Message: cause.Error()}
	if m.Topic == s.deps.Topics.DeadLetters() {
		s.tell(m, bad)
		return nil
	}
	done := make(chan error, 1)
	s.putAside(ctx, m, bad, func(err error) { done <- err })
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-done:
		return err
	}
}

// putAside sends a message that nobody can work with to the dead letters, so that
// nothing stalls.
func (s *Sink) putAside(ctx context.Context, m *stream.Record, bad schemas.BadEvent, done func(error)) {
	s.tell(m, bad)
	stream.PutAside(ctx, s.deps.DeadLetters, s.deps.Topics, schemas.DeadLetter{
		BadEvent: bad, SourceTopic: m.Topic, SourcePartition: m.Partition, SourceOffset: m.Offset,
		Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value),
	}, done)
}

func (s *Sink) tell(m *stream.Record, bad schemas.BadEvent) {
	s.deps.Metrics.poison.Inc()
	s.deps.Logger.Error("a message cannot be recorded, it is put aside", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "code", bad.Code, "error", bad.Message)
}
