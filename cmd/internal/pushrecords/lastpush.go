package pushrecords

import (
	"context"

	"stockpush/schemas"
)

// LastPushes are, of each of the store SKUs, the newest record that is not
// Skipped: the one whose outcome StoreSKUs tells. A store SKU of which there is
// none, or none within 30 days, has no record here. Their order means nothing.
func (r *Reader) LastPushes(ctx context.Context, keys []schemas.Key) ([]Record, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var w where
	w.keys(keys)
	w.add("status != 'Skipped'")
	w.add("triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY")
	return rows[Record](ctx, r, recordSelect+" FROM "+r.view("push_records")+" FINAL"+w.String()+
		" ORDER BY log_id DESC, event_offset DESC LIMIT 1 BY channel, shop_id, store_sku", w.args...)
}
