package schemastest

import (
	"google.golang.org/protobuf/encoding/protowire"

	"stockpush/schemas"
)

// EncodeProtobuf writes an event as a producer in proto3 does: what is empty or zero is left out,
// unless the field is optional.
func EncodeProtobuf(e *schemas.Event) []byte {
	var b []byte
	text := func(number protowire.Number, value string) {
		if value != "" {
			b = protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
		}
	}
	integer := func(number protowire.Number, value uint64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
	}
	positive := func(number protowire.Number, value int64) {
		if value != 0 {
			integer(number, uint64(value))
		}
	}
	text(1, e.EventID)
	positive(2, int64(e.Reason))
	text(3, e.Key.Channel)
	positive(4, e.Key.ShopID)
	text(5, e.Key.StoreSKU)
	text(6, e.MerchantSKU)
	positive(7, e.ItemID)
	positive(8, e.ModelID)
	text(9, e.LocationID)
	integer(10, protowire.EncodeZigZag(e.Available))
	positive(11, e.PromotionReserved)
	at := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(e.OccurredAt.Unix()))
	if nanos := e.OccurredAt.Nanosecond(); nanos != 0 {
		at = protowire.AppendVarint(protowire.AppendTag(at, 2, protowire.VarintType), uint64(nanos))
	}
	b = protowire.AppendBytes(protowire.AppendTag(b, 12, protowire.BytesType), at)
	text(13, e.RetryOf)
	if e.Repeats() {
		integer(14, uint64(e.RepeatsOffset))
	}
	text(15, e.RequestedBy)
	return b
}
