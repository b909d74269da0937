package redrive

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// Published is an event that was published.
type Published struct {
	EventID string
	Key     schemas.Key
}

// publish produces the chosen letters, and behind them the newer events that arrived meanwhile.
func (r *Redriver) publish(ctx context.Context, s *selection) (published []Published, err error) {
	messages := make([]*stream.Record, len(s.chosen))
	for i, l := range s.chosen {
		messages[i] = &l.message
	}
	errs := r.produce(ctx, messages)
	var stored []*letter
	for i, l := range s.chosen {
		if errs[i] != nil {
			err = errs[i]
			continue
		}
		stored = append(stored, l)
		published = append(published, Published{l.eventID, l.key})
	}
	if err != nil {
		err = fmt.Errorf("publish %d of %d events: %w", len(messages)-len(stored), len(messages), r.unavailable(err))
	} else {
		err = r.restore(ctx, s, stored)
	}
	return published, err
}

// produce returns each message's error when Kafka has answered for all.
func (r *Redriver) produce(ctx context.Context, messages []*stream.Record) []error {
	errs := make([]error, len(messages))
	var produced sync.WaitGroup
	produced.Add(len(messages))
	for i, m := range messages {
		r.Producer.Produce(ctx, m, func(err error) { errs[i] = err; produced.Done() })
	}
	produced.Wait()
	return errs
}

// maxRounds bounds how often newer events are published again.
const maxRounds = 10

// restore publishes events again that upstream sent between the look for newer events and the
// letters: behind the letters they are the newest, as upstream wants it. Events that arrive
// meanwhile are newer than those, and so on.
func (r *Redriver) restore(ctx context.Context, s *selection, stored []*letter) error {
	behind := map[schemas.Key]*stream.Record{} // the message that was published last
	for _, l := range stored {
		behind[l.key] = &l.message
	}
	for range maxRounds {
		overtaken, err := r.overtaken(ctx, s, behind)
		if err != nil || len(overtaken) == 0 {
			return err
		}
		messages := make([]*stream.Record, 0, len(overtaken))
		for _, m := range overtaken {
			messages = append(messages, m)
		}
		for _, err := range r.produce(ctx, messages) {
			if err != nil {
				return fmt.Errorf("publish a newer event again: %w", r.unavailable(err))
			}
		}
		behind = overtaken
	}
	return nil
}

// overtaken returns by store SKU the newest event between the last look and the given messages,
// ready to be published again.
func (r *Redriver) overtaken(ctx context.Context, s *selection, behind map[schemas.Key]*stream.Record) (map[schemas.Key]*stream.Record, error) {
	ends := map[int32]int64{}
	for _, m := range behind {
		ends[m.Partition] = max(ends[m.Partition], m.Offset)
	}
	found := map[schemas.Key]*stream.Record{}
	for partition, end := range ends {
		span := stream.Span{Topic: r.Topics.Events(), Partition: partition, From: s.ends[partition], To: end}
		err := stream.ReadSpan(ctx, r.Connection, span, func(m *stream.Record) error {
			key, _ := schemas.ParseKey(string(m.Key))
			ours := behind[key]
			if _, valid := s.decode(m); ours != nil && m.Offset < ours.Offset && valid {
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
func again(m *stream.Record) *stream.Record {
	c := &stream.Record{Topic: m.Topic, Partition: m.Partition, Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value)}
	for _, h := range m.Headers {
		c.Headers = append(c.Headers, stream.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return c
}

const (
	showTimeout  = 10 * time.Second
	showInterval = 200 * time.Millisecond
	// clocksDiffer bounds how far the clocks of brokers and this machine are apart.
	clocksDiffer = time.Hour
)

// Wait returns when ClickHouse shows all events, after 10 seconds, or when ctx ends. Seen is called
// with how many it shows.
func (r *Redriver) Wait(ctx context.Context, published []Published, seen func(int)) error {
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	named := pushrecords.Events{Since: time.Now().Add(-clocksDiffer)}
	for _, p := range published {
		named.IDs, named.Keys = append(named.IDs, p.EventID), append(named.Keys, p.Key)
	}
	ticker := time.NewTicker(showInterval)
	defer ticker.Stop()
	for {
		found, err := r.Reader.Outcomes(ctx, named)
		if err != nil && ctx.Err() == nil {
			return err
		}
		seen(min(len(found), len(published)))
		if len(found) >= len(published) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
