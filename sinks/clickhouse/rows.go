package clickhouse

import (
	"time"
	"unicode/utf8"

	"github.com/ClickHouse/ch-go/proto"

	"stockpush/schemas"
)

func offsetOrNil(offset *int64) *int64 {
	if *offset == schemas.NoOffset {
		return nil
	}
	return offset
}

// The range of DateTime64 for times in nanoseconds since 1970.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	last     = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// storable clamps a time to the column's range; the zero time becomes 1970.
func storable(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return time.Unix(0, 0).UTC()
	case t.Before(earliest):
		return earliest
	case t.After(last):
		return last
	}
	return t
}

type rec = schemas.Record

// recordColumns are the columns of push_records, in the table's order.
func recordColumns() []column[*rec] {
	return []column[*rec]{
		texts("channel", func(r *rec) string { return r.Key.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(r *rec) uint64 { return uint64(r.Key.ShopID) }),
		texts("store_sku", func(r *rec) string { return r.Key.StoreSKU }),
		texts("merchant_sku", func(r *rec) string { return r.MerchantSKU }),
		numbers[proto.ColUInt64]("item_id", func(r *rec) uint64 { return uint64(r.ItemID) }),
		numbers[proto.ColUInt64]("model_id", func(r *rec) uint64 { return uint64(r.ModelID) }),
		texts("location_id", func(r *rec) string { return r.LocationID }),
		texts("event_id", func(r *rec) string { return r.EventID }),
		texts("retry_of", func(r *rec) string { return r.RetryOf }),
		optionals("repeats_offset", func(r *rec) *int64 { return offsetOrNil(&r.RepeatsOffset) }),
		enumerations("reason", func(r *rec) int8 { return int8(r.Reason) }),
		enumerations("status", func(r *rec) int8 { return int8(r.Status) }),
		numbers[proto.ColInt64]("available", func(r *rec) int64 { return r.Available }),
		numbers[proto.ColInt64]("promotion_reserved", func(r *rec) int64 { return r.PromotionReserved }),
		numbers[proto.ColInt64]("push_qty", func(r *rec) int64 { return r.PushQty() }),
		optionals("before_qty", func(r *rec) *int64 { return r.BeforeQty }),
		optionals("after_qty", func(r *rec) *int64 { return r.AfterQty }),
		optionals("promotion_floor", func(r *rec) *int64 { return r.PromotionFloor }),
		texts("failure_code", func(r *rec) string { return string(r.FailureCode) }),
		texts("failure_reason", func(r *rec) string { return r.FailureReason }),
		texts("superseded_by", func(r *rec) string { return r.SupersededBy }),
		optionals("superseded_by_offset", func(r *rec) *int64 { return offsetOrNil(&r.SupersededByOffset) }),
		numbers[proto.ColUInt16]("attempts", func(r *rec) uint16 { return r.Attempts }),
		texts("request_id", func(r *rec) string { return r.RequestID }),
		numbers[proto.ColUInt16]("log_id", func(r *rec) uint16 { return r.Position.LogID }),
		numbers[proto.ColInt32]("event_partition", func(r *rec) int32 { return r.Position.Partition }),
		numbers[proto.ColInt64]("event_offset", func(r *rec) int64 { return r.Position.Offset }),
		times("occurred_at", func(r *rec) time.Time { return r.OccurredAt }),
		times("triggered_at", func(r *rec) time.Time { return r.TriggeredAt }),
		times("queued_at", func(r *rec) time.Time { return r.QueuedAt }),
		times("finished_at", func(r *rec) time.Time { return r.FinishedAt }),
		texts("requested_by", func(r *rec) string { return r.RequestedBy }),
		numbers[proto.ColUInt8]("version", func(r *rec) uint8 { return uint8(r.Status) }),
	}
}

// rejected is a dead letter, the time it was received, and the store SKU that its key names.
type rejected struct {
	schemas.DeadLetter
	at  time.Time
	sku schemas.Key
}

// maxStoreSKUBytes is the length of the longest store SKU.
const maxStoreSKUBytes = 255

// namedBy returns the store SKU that a Kafka key names, or none.
func namedBy(key []byte) schemas.Key {
	if !utf8.Valid(key) {
		return schemas.Key{}
	}
	k, err := schemas.ParseKey(string(key))
	if err != nil || k.Channel != schemas.ChannelShopee || k.ShopID <= 0 || len(k.StoreSKU) > maxStoreSKUBytes {
		return schemas.Key{}
	}
	return k
}

// maxRejectedValueBytes is where rejected_events truncates the value.
const maxRejectedValueBytes = 64 << 10

// rejectedColumns are the columns of rejected_event_rows, in the table's order.
func rejectedColumns() []column[rejected] {
	return []column[rejected]{
		texts("source_topic", func(r rejected) string { return r.SourceTopic }),
		numbers[proto.ColInt32]("source_partition", func(r rejected) int32 { return r.SourcePartition }),
		numbers[proto.ColInt64]("source_offset", func(r rejected) int64 { return r.SourceOffset }),
		texts("error_code", func(r rejected) string { return r.Code }),
		texts("error_field", func(r rejected) string { return r.Field }),
		texts("error_message", func(r rejected) string { return r.Message }),
		texts("key", func(r rejected) string { return string(r.FittingKey()) }),
		texts("value", func(r rejected) string { return string(r.Value[:min(len(r.Value), maxRejectedValueBytes)]) }),
		times("received_at", func(r rejected) time.Time { return r.at }),
		texts("channel", func(r rejected) string { return r.sku.Channel }),
		numbers[proto.ColUInt64]("shop_id", func(r rejected) uint64 { return uint64(r.sku.ShopID) }),
		texts("store_sku", func(r rejected) string { return r.sku.StoreSKU }),
	}
}
