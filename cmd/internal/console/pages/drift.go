package pages

import (
	"context"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// driftOf returns a finding that is not over: no quantity was confirmed since. It returns nil
// otherwise.
func driftOf(found map[schemas.Key]pushrecords.Finding, key schemas.Key, confirmedAt *time.Time) *pushrecords.Finding {
	f, ok := found[key]
	if !ok || confirmedAt != nil && confirmedAt.After(f.FoundAt) {
		return nil
	}
	return &f
}

// addDrifts adds to rows what the last audit found.
func (c *console) addDrifts(ctx context.Context, rows []row) error {
	keys := make([]schemas.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key()
	}
	found, err := c.Reader.Findings(ctx, keys)
	for i := range rows {
		rows[i].Drift = driftOf(found, keys[i], rows[i].ConfirmedAt)
	}
	return err
}
