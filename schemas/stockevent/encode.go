package stockevent

import (
	"time"

	"github.com/go-faster/jx"

	"stockpush/schemas"
)

// Encode encodes an event as JSON, as upstream does.
func Encode(e *schemas.Event) []byte {
	var w jx.Encoder
	w.ObjStart()
	text := func(name, value string) {
		if value != "" {
			w.FieldStart(name)
			w.Str(value)
		}
	}
	number := func(name string, value int64) {
		w.FieldStart(name)
		w.Int64(value)
	}
	text("event_id", e.EventID)
	text("reason", e.Reason.Slug())
	text("channel", e.Key.Channel)
	number("shop_id", e.Key.ShopID)
	text("store_sku", e.Key.StoreSKU)
	text("merchant_sku", e.MerchantSKU)
	number("item_id", e.ItemID)
	number("model_id", e.ModelID)
	text("location_id", e.LocationID)
	number("available", e.Available)
	number("promotion_reserved", e.PromotionReserved)
	text("occurred_at", e.OccurredAt.UTC().Format(time.RFC3339Nano))
	text("retry_of", e.RetryOf)
	if e.Repeats() {
		number("repeats_offset", e.RepeatsOffset)
	}
	text("requested_by", e.RequestedBy)
	w.ObjEnd()
	return w.Bytes()
}
