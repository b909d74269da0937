package retry

import (
	"context"
	"errors"
	"time"

	"stockpush/cmd/internal/pushrecords"
)

// Outcome is what became of a published event so far.
type Outcome struct {
	EventID string `json:"event_id"`
	// Status is a schemas.Status by its name; empty while ClickHouse does not show the event.
	Status        string `json:"status"`
	FailureCode   string `json:"failure_code"`
	FailureReason string `json:"failure_reason"`
	// SupersededBy is empty unless Skipped.
	SupersededBy string `json:"superseded_by"`
}

// Outcomes tells of each event what became of it, in the order asked for. Events
// that this Retrier published in the last hour are found at once, others slowly.
func (r *Retrier) Outcomes(ctx context.Context, eventIDs []string) ([]Outcome, error) {
	known, keys, unknown := r.sent.keysOf(eventIDs)
	found, err := r.Reader.Outcomes(ctx, known, keys)
	if err != nil {
		return nil, err
	}
	others, err := r.Reader.Outcomes(ctx, unknown, nil)
	if err != nil {
		return nil, err
	}
	byID := map[string]pushrecords.Record{}
	for _, record := range append(found, others...) {
		byID[record.EventID] = record
	}
	outcomes := make([]Outcome, len(eventIDs))
	for i, id := range eventIDs {
		record := byID[id]
		outcomes[i] = Outcome{id, record.Status, record.FailureCode, record.FailureReason, record.SupersededBy}
	}
	return outcomes, nil
}

const (
	// ShowTimeout is how long a retry waits for its events to show in ClickHouse.
	ShowTimeout  = 10 * time.Second
	showInterval = 200 * time.Millisecond
)

// Wait returns when ClickHouse shows all events, or after ShowTimeout, or when
// ctx ends. Seen, if not nil, is told again and again how many it shows.
func (r *Retrier) Wait(ctx context.Context, eventIDs []string, seen func(int)) error {
	ctx, cancel := context.WithTimeout(ctx, ShowTimeout)
	defer cancel()
	again := time.NewTicker(showInterval)
	defer again.Stop()
	for missing := eventIDs; ; {
		outcomes, err := r.Outcomes(ctx, missing)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		missing = notShown(missing, outcomes)
		if seen != nil {
			seen(len(eventIDs) - len(missing))
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// notShown keeps all where the outcomes could not be read in time.
func notShown(eventIDs []string, outcomes []Outcome) []string {
	if outcomes == nil {
		return eventIDs
	}
	var missing []string
	for _, o := range outcomes {
		if o.Status == "" {
			missing = append(missing, o.EventID)
		}
	}
	return missing
}
