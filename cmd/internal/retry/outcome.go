package retry

import (
	"context"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// Outcome is the outcome of a published event so far.
type Outcome struct {
	EventID string `json:"event_id"`
	// Status is the name of a schemas.Status; empty until ClickHouse shows the event.
	Status        string `json:"status"`
	FailureCode   string `json:"failure_code"`
	FailureReason string `json:"failure_reason"`
	// SupersededBy is empty unless Skipped.
	SupersededBy string `json:"superseded_by"`
	// ShopID and StoreSKU are zero while the event is unknown.
	ShopID   int64  `json:"shop_id"`
	StoreSKU string `json:"store_sku"`
}

// Outcomes returns each event's outcome, in the given order. Events that this Retrier published
// within the last hour are found quickly, others slowly.
func (r *Retrier) Outcomes(ctx context.Context, eventIDs []string) ([]Outcome, error) {
	shown, err := r.records(ctx, eventIDs)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(eventIDs))
	for i, id := range eventIDs {
		record, ok := shown[id]
		if !ok {
			key, _ := r.sent.keyOf(id)
			outcomes[i] = Outcome{EventID: id, ShopID: key.ShopID, StoreSKU: key.StoreSKU}
			continue
		}
		outcomes[i] = outcomeOf(&record)
	}
	return outcomes, nil
}

func outcomeOf(r *pushrecords.Record) Outcome {
	return Outcome{
		EventID: r.EventID, Status: r.Status, FailureCode: r.FailureCode, FailureReason: r.FailureReason,
		SupersededBy: r.SupersededBy, ShopID: int64(r.ShopID), StoreSKU: r.StoreSKU,
	}
}

// BatchOf returns the name of the batch of event ids; for none, a new name.
func BatchOf(eventIDs []string) string {
	if len(eventIDs) == 0 || len(eventIDs[0]) < batchBytes {
		return newName()
	}
	return eventIDs[0][:batchBytes]
}

// Begun returns when a batch was created; false if the name is not a batch's.
func Begun(batch string) (time.Time, bool) { return bornAt(batch) }

// OfBatch returns the outcomes that ClickHouse shows of a batch, by store SKU. Any process may have
// published it.
func (r *Retrier) OfBatch(ctx context.Context, batch string) ([]Outcome, error) {
	begun, ok := bornAt(batch)
	if !ok {
		return nil, nil
	}
	found, err := r.Reader.OfBatch(ctx, batch, begun.Add(-clocksDiffer), begun.Add(publishTimeout+clocksDiffer))
	outcomes := make([]Outcome, len(found))
	for i := range found {
		outcomes[i] = outcomeOf(&found[i])
	}
	return outcomes, err
}

// records returns the existing records by event id.
func (r *Retrier) records(ctx context.Context, eventIDs []string) (map[string]pushrecords.Record, error) {
	known, unknown := r.sent.find(eventIDs)
	found, err := r.Reader.Outcomes(ctx, known)
	if err != nil {
		return nil, err
	}
	others, err := r.Reader.Outcomes(ctx, pushrecords.Events{IDs: unknown, Since: bornAfter(unknown)})
	if err != nil {
		return nil, err
	}
	byID := make(map[string]pushrecords.Record, len(eventIDs))
	for _, record := range append(found, others...) {
		byID[record.EventID] = record
	}
	return byID, nil
}

const (
	// ShowTimeout is how long a retry waits for its events to show in ClickHouse.
	ShowTimeout  = 10 * time.Second
	showInterval = 200 * time.Millisecond
)

// Wait waits until ClickHouse shows all events and no longer lists as failing what they re-push.
// (An insert reaches one table after the other.) It also returns after ShowTimeout, or when ctx
// ends. seen, if not nil, is called repeatedly with the number of visible events.
func (r *Retrier) Wait(ctx context.Context, eventIDs []string, seen func(int)) error {
	return Poll(ctx, func(ctx context.Context) (bool, error) {
		shown, settled, err := r.look(ctx, eventIDs)
		if err == nil && seen != nil {
			seen(shown)
		}
		return settled, err
	})
}

// Poll calls look until it says that all is shown, for ShowTimeout at most, or until ctx ends.
func Poll(ctx context.Context, look func(context.Context) (settled bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, ShowTimeout)
	defer cancel()
	again := time.NewTicker(showInterval)
	defer again.Stop()
	for {
		settled, err := look(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if settled {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// look returns how many of the events ClickHouse shows, and whether all tables have them.
func (r *Retrier) look(ctx context.Context, eventIDs []string) (shown int, settled bool, err error) {
	records, err := r.records(ctx, eventIDs)
	shown = len(records)
	if err != nil || shown < len(eventIDs) {
		return shown, false, err
	}
	var retried []string
	var keys []schemas.Key
	for _, record := range records {
		if record.Status == schemas.Pending.String() || record.Status == schemas.Successfully.String() {
			retried = append(retried, record.RetryOf)
			keys = append(keys, record.Key())
		}
	}
	listed, err := r.Reader.Listed(ctx, retried, keys)
	return shown, err == nil && listed == 0, err
}
