package clickhouse

import (
	"time"

	"stockpush/schemas"
)

// column is one column of push_records: its name, its values so far, and how a
// record adds one.
type column struct {
	name string
	add  func(*schemas.Record)
	// keep forgets all but the first n values.
	keep  func(n int)
	slice func() any
}

// columnOf makes a column from the function that reads its value.
func columnOf[T any](name string, value func(*schemas.Record) T) column {
	var values []T
	return column{
		name:  name,
		add:   func(r *schemas.Record) { values = append(values, value(r)) },
		keep:  func(n int) { clear(values[n:]); values = values[:n] },
		slice: func() any { return values },
	}
}

func offsetOrNil(offset int64) *int64 {
	if offset == schemas.NoOffset {
		return nil
	}
	return &offset
}

// What a time in nanoseconds since 1970 can say, within what DateTime64 can hold.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	last     = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// storable keeps a time within what the column can hold; the absent one is 1970.
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
func recordColumns() []column {
	return []column{
		columnOf("channel", func(r *rec) string { return r.Key.Channel }),
		columnOf("shop_id", func(r *rec) uint64 { return uint64(r.Key.ShopID) }),
		columnOf("store_sku", func(r *rec) string { return r.Key.StoreSKU }),
		columnOf("merchant_sku", func(r *rec) string { return r.MerchantSKU }),
		columnOf("item_id", func(r *rec) uint64 { return uint64(r.ItemID) }),
		columnOf("model_id", func(r *rec) uint64 { return uint64(r.ModelID) }),
		columnOf("location_id", func(r *rec) string { return r.LocationID }),
		columnOf("event_id", func(r *rec) string { return r.EventID }),
		columnOf("retry_of", func(r *rec) string { return r.RetryOf }),
		columnOf("repeats_offset", func(r *rec) *int64 { return offsetOrNil(r.RepeatsOffset) }),
		columnOf("reason", func(r *rec) int8 { return int8(r.Reason) }),
		columnOf("status", func(r *rec) int8 { return int8(r.Status) }),
		columnOf("available", func(r *rec) int64 { return r.Available }),
		columnOf("promotion_reserved", func(r *rec) int64 { return r.PromotionReserved }),
		columnOf("push_qty", func(r *rec) int64 { return r.PushQty() }),
		columnOf("before_qty", func(r *rec) *int64 { return r.BeforeQty }),
		columnOf("after_qty", func(r *rec) *int64 { return r.AfterQty }),
		columnOf("promotion_floor", func(r *rec) *int64 { return r.PromotionFloor }),
		columnOf("failure_code", func(r *rec) string { return string(r.FailureCode) }),
		columnOf("failure_reason", func(r *rec) string { return r.FailureReason }),
		columnOf("superseded_by", func(r *rec) string { return r.SupersededBy }),
		columnOf("superseded_by_offset", func(r *rec) *int64 { return offsetOrNil(r.SupersededByOffset) }),
		columnOf("attempts", func(r *rec) uint16 { return r.Attempts }),
		columnOf("request_id", func(r *rec) string { return r.RequestID }),
		columnOf("log_id", func(r *rec) uint16 { return r.Position.LogID }),
		columnOf("event_partition", func(r *rec) int32 { return r.Position.Partition }),
		columnOf("event_offset", func(r *rec) int64 { return r.Position.Offset }),
		columnOf("occurred_at", func(r *rec) time.Time { return storable(r.OccurredAt) }),
		columnOf("triggered_at", func(r *rec) time.Time { return storable(r.TriggeredAt) }),
		columnOf("queued_at", func(r *rec) time.Time { return storable(r.QueuedAt) }),
		columnOf("finished_at", func(r *rec) time.Time { return storable(r.FinishedAt) }),
		columnOf("version", func(r *rec) uint8 { return uint8(r.Status) }),
	}
}
