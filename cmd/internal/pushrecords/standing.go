package pushrecords

import (
	"context"

	"stockpush/schemas"
)

// NewestFailures are, of each of the store SKUs, the newest failure that nothing
// has mended yet: what a re-push of it would repeat. Their order means nothing.
func (r *Reader) NewestFailures(ctx context.Context, keys []schemas.Key) ([]Failure, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var w where
	w.keys(keys)
	return rows[Failure](ctx, r, recordSelect+", failure_class, hint FROM "+r.view("failed_push_records")+w.String()+
		" ORDER BY log_id DESC, event_offset DESC LIMIT 1 BY channel, shop_id, store_sku", w.args...)
}
