package stockevent

import (
	"time"

	"github.com/go-faster/jx"

	"stockpush/schemas"
)

// Encode encodes an event as JSON, as upstream does.
func Encode(e *schemas.Event) []byte {
	var w jx.Writer
	w.ObjStart()
	field := func(name string, first bool) {
		if !first {
			w.Comma()
		}
		w.FieldStart(name)
	}
	text := func(name, value string) {
		if value != "" {
			field(name, name == "event_id")
			w.Str(value)
		}
	}
	number := func(name string, value int64) { field(name, false); w.Int64(value) }
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
	return w.Buf
}
