package pushrecords

import (
	"context"
	"strconv"
)

// maxRejectedSKUs is how many store SKUs RejectedSKUs lists.
const maxRejectedSKUs = 20

// RejectedCauses counts the rejected events by error code, in descending order. It ignores the
// filter's error codes.
func (r *Reader) RejectedCauses(ctx context.Context, f Filter) ([]Count, error) {
	f.ErrorCodes = nil
	var w where
	w.rejected(f)
	return rows[Count](ctx, r, "SELECT error_code AS value, count() AS n FROM "+r.view("rejected_events")+w.String()+" GROUP BY value ORDER BY n DESC, value LIMIT 100", w.args...)
}

// RejectedSKU is a store SKU with rejected events.
type RejectedSKU struct {
	Channel  string `ch:"channel"`
	ShopID   uint64 `ch:"shop"`
	StoreSKU string `ch:"store_sku"`
	N        uint64 `ch:"n"`
}

// RejectedSKUs counts the rejected events by shop and store SKU, in descending order: the first
// ones only, and without those that name no store SKU.
func (r *Reader) RejectedSKUs(ctx context.Context, f Filter) ([]RejectedSKU, error) {
	var w where
	w.rejected(f)
	w.add("channel != ''")
	return rows[RejectedSKU](ctx, r, "SELECT channel, assumeNotNull(shop_id) AS shop, store_sku, count() AS n FROM "+r.view("rejected_events")+w.String()+
		" GROUP BY channel, shop, store_sku ORDER BY n DESC, channel, shop, store_sku LIMIT "+strconv.Itoa(maxRejectedSKUs), w.args...)
}

// rejected adds the conditions of a filter of rejected events: Query, Shops, StoreSKUs, ErrorCodes,
// Since and Until.
func (w *where) rejected(f Filter) {
	w.between("received_at", f.Since, f.Until)
	w.part(f.Query, "key", "value")
	w.skus(f)
	w.in("error_code", "error_codes", f.ErrorCodes)
}
