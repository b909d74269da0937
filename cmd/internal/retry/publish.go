package retry

import (
	"context"
	"fmt"
	"sync"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// publish produces the events and waits for Kafka's acknowledgements. It returns the acknowledged
// ids in order and releases the failures of all others.
func (r *Retrier) publish(ctx context.Context, events []repeat) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, publishTimeout, ErrUnavailable)
	defer cancel()
	errs := make([]error, len(events))
	var produced sync.WaitGroup
	produced.Add(len(events))
	for i := range events {
		r.Producer.Produce(ctx, r.message(&events[i].event), func(err error) {
			errs[i] = err
			produced.Done()
		})
	}
	produced.Wait()
	var lost []repeat
	kept := make([]repeat, 0, len(events))
	ids := make([]string, 0, len(events))
	var err error
	for i := range events {
		if errs[i] != nil {
			lost, err = append(lost, events[i]), errs[i]
			continue
		}
		kept, ids = append(kept, events[i]), append(ids, events[i].event.EventID)
	}
	r.sent.remember(kept)
	r.sent.release(lost)
	if err != nil {
		return ids, fmt.Errorf("publish %d of %d events: %w", len(lost), len(events), unavailable(err))
	}
	return ids, nil
}

// message addresses the partition of the repeated record: its offset identifies the record only
// there.
func (r *Retrier) message(e *schemas.Event) *kafka.Record {
	return &kafka.Record{
		Topic: r.Topics.Events(), Partition: e.Position.Partition, Key: []byte(e.Key.String()), Value: stockevent.Encode(e),
	}
}
