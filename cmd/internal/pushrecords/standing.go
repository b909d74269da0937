package pushrecords

import (
	"context"

	"stockpush/schemas"
)

// NewestFailures returns the newest unresolved failure of each store SKU, which a re-push would
// repeat, in no particular order.
func (r *Reader) NewestFailures(ctx context.Context, keys []schemas.Key) ([]Failure, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var w where
	w.keys(keys)
	return rows[Failure](ctx, r, recordSelect+", failure_class, hint FROM "+r.view("failed_push_records")+w.String()+
		" ORDER BY log_id DESC, event_offset DESC LIMIT 1 BY channel, shop_id, store_sku", w.args...)
}
