package redrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// Published is an event that was published.
type Published struct {
	EventID string
	Key     schemas.Key
}

// Producer is a kafka.Producer that can be closed.
type Producer interface {
	kafka.Producer
	// Close ends the producer. Unacknowledged records fail, and are not sent later.
	Close()
}

// publish produces the chosen letters, and behind them the newer events that arrived meanwhile, also
// if Kafka does not accept every letter.
func (r *Redriver) publish(ctx context.Context, s *selection) (published []Published, err error) {
	messages := make([]*kafka.Record, len(s.chosen))
	for i, l := range s.chosen {
		messages[i] = &l.message
	}
	stored := map[schemas.Key]*kafka.Record{}
	for i, failed := range r.produce(ctx, messages) {
		if failed != nil {
			err = failed
			continue
		}
		l := s.chosen[i]
		stored[l.key] = &l.message
		published = append(published, Published{l.eventID, l.key})
	}
	if err != nil {
		err = fmt.Errorf("publish %d of %d events: %w", len(messages)-len(stored), len(messages), r.unavailable(err))
	}
	return published, errors.Join(err, r.restore(ctx, s, stored))
}

// produce returns each message's error. When ctx ends, messages that are not acknowledged fail. It
// has a producer of its own: one that outlives ctx would send them later, over newer events.
func (r *Redriver) produce(ctx context.Context, messages []*kafka.Record) []error {
	errs := make([]error, len(messages))
	producer, err := r.open()
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	closeOnce := sync.OnceFunc(producer.Close)
	defer closeOnce()
	defer context.AfterFunc(ctx, closeOnce)()
	var produced sync.WaitGroup
	produced.Add(len(messages))
	for i, m := range messages {
		producer.Produce(ctx, m, func(err error) { errs[i] = err; produced.Done() })
	}
	produced.Wait()
	return errs
}

func (r *Redriver) open() (Producer, error) {
	if r.NewProducer != nil {
		return r.NewProducer()
	}
	return kafka.NewProducer(r.Connection, kafka.DefaultBatchBytes)
}

const (
	// maxRounds bounds how often newer events are published again.
	maxRounds = 10
	// restoreTimeout bounds how long that takes.
	restoreTimeout = 30 * time.Second
)

// restore publishes events again that upstream sent between the look for newer events and the
// stored letters: behind the letters they are the newest, as upstream wants it. Events that arrive
// meanwhile are newer than those, and so on. The end of ctx does not stop it, because the letters
// are stored.
func (r *Redriver) restore(ctx context.Context, s *selection, stored map[schemas.Key]*kafka.Record) (failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	behind := stored // by store SKU the message that was published last
	for range maxRounds {
		overtaken, err := r.overtaken(ctx, s, behind)
		if err != nil {
			return errors.Join(failed, r.unavailable(err))
		}
		if len(overtaken) == 0 {
			break
		}
		messages := slices.Collect(maps.Values(overtaken))
		behind = map[schemas.Key]*kafka.Record{}
		for i, err := range r.produce(ctx, messages) {
			if err != nil {
				failed = fmt.Errorf("publish the newer event of %s again: %w", messages[i].Key, r.unavailable(err))
				continue
			}
			key, _ := schemas.ParseKey(string(messages[i].Key))
			behind[key] = messages[i]
		}
	}
	return failed
}

// overtaken returns by store SKU the newest event between the last look and the given messages,
// ready to be published again. Events that repeat a record bring no news and do not count.
func (r *Redriver) overtaken(ctx context.Context, s *selection, behind map[schemas.Key]*kafka.Record) (map[schemas.Key]*kafka.Record, error) {
	ends := map[int32]int64{}
	for _, m := range behind {
		ends[m.Partition] = max(ends[m.Partition], m.Offset)
	}
	found := map[schemas.Key]*kafka.Record{}
	for partition, end := range ends {
		span := kafka.Span{Topic: r.Topics.Events(), Partition: partition, From: s.ends[partition], To: end}
		err := kafka.ReadSpan(ctx, r.Connection, span, func(m *kafka.Record) error {
			key, _ := schemas.ParseKey(string(m.Key))
			ours := behind[key]
			if ours == nil || m.Offset >= ours.Offset {
				return nil
			}
			if event, valid := s.decode(m); valid && !event.Repeats() {
				found[key] = again(m)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the newest events: %w", err)
		}
		s.ends[partition] = end + 1
	}
	return found, nil
}

// again is a message to be published once more in its partition.
func again(m *kafka.Record) *kafka.Record {
	c := &kafka.Record{Topic: m.Topic, Partition: m.Partition, Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value)}
	for _, h := range m.Headers {
		c.Headers = append(c.Headers, kafka.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return c
}

// clocksDiffer bounds how far the clocks of brokers and this machine are apart.
const clocksDiffer = time.Hour

// Wait returns when ClickHouse shows all events, after retry.ShowTimeout, or when ctx ends. Seen is
// called with how many it shows.
func (r *Redriver) Wait(ctx context.Context, published []Published, seen func(int)) error {
	named := pushrecords.Events{Since: time.Now().Add(-clocksDiffer)}
	for _, p := range published {
		named.IDs, named.Keys = append(named.IDs, p.EventID), append(named.Keys, p.Key)
	}
	return retry.Poll(ctx, func(ctx context.Context) (bool, error) {
		found, err := r.Reader.Outcomes(ctx, named)
		seen(min(len(found), len(published)))
		return err == nil && len(found) >= len(published), err
	})
}
