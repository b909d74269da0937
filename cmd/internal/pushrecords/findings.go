package pushrecords

import (
	"context"
	"slices"
	"time"

	"stockpush/schemas"
)

// Finding is a row of audit_findings: a difference that the last audit found. Its field tags are the
// view's column names.
type Finding struct {
	Channel  string `ch:"channel" json:"channel"`
	ShopID   uint64 `ch:"shop_id" json:"shop_id"`
	StoreSKU string `ch:"store_sku" json:"store_sku"`
	Expected int64  `ch:"expected" json:"expected"`
	Shown    int64  `ch:"shown" json:"shown"`
	// Kind is above or below.
	Kind string `ch:"kind" json:"kind"`
	// Fixed reports that the audit pushed the store SKU again.
	Fixed   bool      `ch:"fixed" json:"fixed"`
	FoundAt time.Time `ch:"found_at" json:"found_at"`
}

// Findings returns the findings of store SKUs. Those without one are missing.
func (r *Reader) Findings(ctx context.Context, keys []schemas.Key) (map[schemas.Key]Finding, error) {
	all := map[schemas.Key]Finding{}
	for some := range slices.Chunk(keys, maxNamed) {
		var w where
		w.keys(some)
		found, err := rows[Finding](ctx, r, "SELECT channel, shop_id, store_sku, expected, shown, kind, fixed, found_at FROM "+r.view("audit_findings")+w.String(), w.args...)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			all[schemas.Key{Channel: f.Channel, ShopID: int64(f.ShopID), StoreSKU: f.StoreSKU}] = f
		}
	}
	return all, nil
}
