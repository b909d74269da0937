package retry

import (
	"context"
	"fmt"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// MaxPushes limits the store SKUs of one "Push now".
const MaxPushes = 1000

// NoRecord is the cause to leave out a store SKU without a record, whose quantity is unknown.
const NoRecord = "no_record"

// PushRequest names the store SKUs of a "Push now".
type PushRequest struct {
	Keys   []schemas.Key
	Origin Origin
	// DryRun publishes nothing.
	DryRun bool
}

// Push publishes for each store SKU an event that repeats the quantities of its newest record,
// whatever became of it. As with Do, it loses to anything newer in the log.
func (r *Retrier) Push(ctx context.Context, q PushRequest) (Result, error) {
	keys := distinct(q.Keys)
	if len(keys) == 0 || len(keys) > MaxPushes {
		return Result{}, &pushrecords.ParameterError{Name: "store_skus", Problem: fmt.Sprintf("names %d store SKUs, and takes 1 to %d", len(keys), MaxPushes)}
	}
	log, err := r.currentLog(ctx)
	if err != nil {
		return Result{}, err
	}
	newest, err := r.Reader.NewestRecords(ctx, keys)
	if err != nil {
		return Result{}, err
	}
	request := Request{Origin: q.Origin, DryRun: q.DryRun, pushes: len(keys)}
	b := newBatch(request, func() (eventlog.Log, error) { return log, nil }, r.reserve(request))
	for i := range newest {
		_ = b.take(&pushrecords.Candidate{Record: newest[i], Newest: true}) // the log is known
	}
	result := b.finish()
	if missing := len(keys) - len(newest); missing > 0 {
		result.LeftOut[NoRecord] = missing
	}
	if q.DryRun {
		return result, nil
	}
	result.EventIDs, err = r.publish(ctx, b.events)
	result.Published = len(result.EventIDs)
	r.audit(request, result, err)
	return result, err
}

func distinct(keys []schemas.Key) (all []schemas.Key) {
	seen := map[schemas.Key]bool{}
	for _, key := range keys {
		if !seen[key] {
			seen[key], all = true, append(all, key)
		}
	}
	return all
}
