package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// fix publishes an event for each drift that the request asks to fix, and waits for Kafka's
// acknowledgement. The event repeats the finished record, so it loses to anything newer.
func (a *run) fix(ctx context.Context, drifts []Drift) error {
	var mu sync.Mutex
	var failure error
	var open sync.WaitGroup
	for i := range drifts {
		d := &drifts[i]
		if !a.shouldFix(d) {
			continue
		}
		e := repeated(&d.record)
		open.Add(1)
		a.Producer.Produce(ctx, &kafka.Record{
			Topic: a.Topics.Events(), Partition: e.Position.Partition, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e),
		}, func(err error) {
			defer open.Done()
			mu.Lock()
			defer mu.Unlock()
			d.Fixed = err == nil
			if err != nil {
				failure = fmt.Errorf("publish a fix: %w", err)
			}
		})
	}
	open.Wait()
	return failure
}

func (a *run) shouldFix(d *Drift) bool {
	wanted := a.progress.Request.Fix == FixAll || a.progress.Request.Fix == FixAbove && d.Kind == Above
	return wanted && d.record.Position.LogID == a.LogID
}

// repeated returns an event that repeats a record's quantities.
func repeated(r *schemas.Record) schemas.Event {
	e := r.Event
	e.EventID, e.Reason, e.RetryOf, e.RequestedBy = uuid.Must(uuid.NewV7()).String(), schemas.RefreshInventory, "", ""
	e.RepeatsOffset, e.OccurredAt = r.Position.Offset, time.Now().UTC()
	return e
}
