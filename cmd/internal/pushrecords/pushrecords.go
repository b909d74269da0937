// Package pushrecords queries the outcomes of triggers in ClickHouse.
//
// The console, the JSON API, the commands and retry use its filters, lists and counts. It reads the
// same views as SQL users. Every value is a bound parameter of a fixed query, every list has a
// limit, and every query a timeout. It never writes. A Reader is safe for concurrent use. Its
// methods block until ClickHouse answers, their context ends, or the query times out.
package pushrecords

import (
	"time"

	"stockpush/schemas"
)

// StoreSKU is a row of store_sku_push_status: the latest push of a store SKU. Its field tags are
// the view's column names.
type StoreSKU struct {
	Channel string `ch:"channel" json:"channel"`
	ShopID  uint64 `ch:"shop_id" json:"shop_id"`
	// ShopName is empty if it is unknown.
	ShopName    string `ch:"shop_name" json:"shop_name"`
	StoreSKU    string `ch:"store_sku" json:"store_sku"`
	MerchantSKU string `ch:"merchant_sku" json:"merchant_sku"`
	LastPushQty int64  `ch:"last_push_qty" json:"last_push_qty"`
	// LastPushStatus is the name of a schemas.Status.
	LastPushStatus string `ch:"last_push_status" json:"last_push_status"`
	// LastReason is the label of a schemas.Reason.
	LastReason string `ch:"last_reason" json:"last_reason"`
	// LastFailureCode is empty unless the last push Failed.
	LastFailureCode   string    `ch:"last_failure_code" json:"last_failure_code"`
	LastFailureReason string    `ch:"last_failure_reason" json:"last_failure_reason"`
	LastTriggeredAt   time.Time `ch:"last_triggered_at" json:"last_triggered_at"`
	// LastFinishedAt is nil while the last push is Pending.
	LastFinishedAt *time.Time `ch:"last_finished_at" json:"last_finished_at"`
	// Pending is how many of its records are Pending.
	Pending uint64 `ch:"pending" json:"pending"`
	// Available and PromotionReserved are the parts of the last push's quantity.
	Available         int64 `ch:"available" json:"available"`
	PromotionReserved int64 `ch:"promotion_reserved" json:"promotion_reserved"`
	// ConfirmedQty is the last quantity that Shopee confirmed, at ConfirmedAt; null if none.
	ConfirmedQty *int64     `ch:"confirmed_qty" json:"confirmed_qty"`
	ConfirmedAt  *time.Time `ch:"confirmed_at" json:"confirmed_at"`
	Oversold     bool       `ch:"oversold" json:"oversold"`
	// Attempts are the calls so far of the newest Pending record; null if none is Pending.
	Attempts *int64 `ch:"attempts" json:"attempts"`
	Waiting
}

// Waiting says why a record is Pending.
type Waiting struct {
	// LastAnswerCode and LastAnswer are Shopee's last answer; empty if there is none.
	LastAnswerCode string `ch:"last_answer_code" json:"last_answer_code"`
	LastAnswer     string `ch:"last_answer" json:"last_answer"`
	// NextAttemptAt is null if that is unknown.
	NextAttemptAt *time.Time `ch:"next_attempt_at" json:"next_attempt_at"`
}

// Key returns the store SKU's key.
func (s *StoreSKU) Key() schemas.Key {
	return schemas.Key{Channel: s.Channel, ShopID: int64(s.ShopID), StoreSKU: s.StoreSKU}
}

// Record is a row of push_record_history: the outcome of one trigger. Its field tags are the view's
// column names; quantities are in units.
type Record struct {
	Channel           string `ch:"channel" json:"channel"`
	ShopID            uint64 `ch:"shop_id" json:"shop_id"`
	StoreSKU          string `ch:"store_sku" json:"store_sku"`
	MerchantSKU       string `ch:"merchant_sku" json:"merchant_sku"`
	ItemID            uint64 `ch:"item_id" json:"item_id"`
	ModelID           uint64 `ch:"model_id" json:"model_id"`
	LocationID        string `ch:"location_id" json:"location_id"`
	EventID           string `ch:"event_id" json:"event_id"`
	RetryOf           string `ch:"retry_of" json:"retry_of"`
	RepeatsOffset     *int64 `ch:"repeats_offset" json:"repeats_offset"`
	Reason            string `ch:"reason" json:"reason"`
	Status            string `ch:"status" json:"status"`
	Available         int64  `ch:"available" json:"available"`
	PromotionReserved int64  `ch:"promotion_reserved" json:"promotion_reserved"`
	PushQty           int64  `ch:"push_qty" json:"push_qty"`
	// BeforeQty is null if no confirmed quantity was known.
	BeforeQty *int64 `ch:"before_qty" json:"before_qty"`
	// AfterQty is null unless Successfully.
	AfterQty *int64 `ch:"after_qty" json:"after_qty"`
	// PromotionFloor is the quantity that a promotion reserves, if Shopee's refusal names it.
	PromotionFloor     *int64 `ch:"promotion_floor" json:"promotion_floor"`
	FailureCode        string `ch:"failure_code" json:"failure_code"`
	FailureReason      string `ch:"failure_reason" json:"failure_reason"`
	SupersededBy       string `ch:"superseded_by" json:"superseded_by"`
	SupersededByOffset *int64 `ch:"superseded_by_offset" json:"superseded_by_offset"`
	// Attempts is how many calls contained it.
	Attempts       uint16    `ch:"attempts" json:"attempts"`
	RequestID      string    `ch:"request_id" json:"request_id"`
	LogID          uint16    `ch:"log_id" json:"log_id"`
	EventPartition int32     `ch:"event_partition" json:"event_partition"`
	EventOffset    int64     `ch:"event_offset" json:"event_offset"`
	OccurredAt     time.Time `ch:"occurred_at" json:"occurred_at"`
	TriggeredAt    time.Time `ch:"triggered_at" json:"triggered_at"`
	// QueuedAt is nil if the event was superseded before it was queued.
	QueuedAt *time.Time `ch:"queued_at" json:"queued_at"`
	// FinishedAt is nil while Pending.
	FinishedAt *time.Time `ch:"finished_at" json:"finished_at"`
	// RequestedBy names the requester of the event; empty if it has none.
	RequestedBy string `ch:"requested_by" json:"requested_by"`
	// Waiting is empty unless the record is of a history, and Pending.
	Waiting
}

// Key returns the record's store SKU.
func (r *Record) Key() schemas.Key {
	return schemas.Key{Channel: r.Channel, ShopID: int64(r.ShopID), StoreSKU: r.StoreSKU}
}

// Position returns the position of the record's event in the log.
func (r *Record) Position() schemas.Position {
	return schemas.Position{LogID: r.LogID, Partition: r.EventPartition, Offset: r.EventOffset}
}

// Failure is a row of failed_push_records: an unresolved failure.
type Failure struct {
	Record
	FailureClass string `ch:"failure_class" json:"failure_class"`
	// Hint tells the operator what to do.
	Hint string `ch:"hint" json:"hint"`
}

// Rejected is a row of rejected_events: an invalid message from upstream.
type Rejected struct {
	SourceTopic     string `ch:"source_topic" json:"source_topic"`
	SourcePartition int32  `ch:"source_partition" json:"source_partition"`
	SourceOffset    int64  `ch:"source_offset" json:"source_offset"`
	ErrorCode       string `ch:"error_code" json:"error_code"`
	// ErrorField is empty if no single field caused the error.
	ErrorField   string `ch:"error_field" json:"error_field"`
	ErrorMessage string `ch:"error_message" json:"error_message"`
	// Key is truncated to 1 KiB; it may not be UTF-8.
	Key string `ch:"key" json:"key"`
	// Value is truncated to 64 KiB; it may not be UTF-8.
	Value      string    `ch:"value" json:"value"`
	ReceivedAt time.Time `ch:"received_at" json:"received_at"`
	// Channel, ShopID and StoreSKU are those that the key names. Where it names no store SKU they
	// are empty, and ShopID is nil.
	Channel  string  `ch:"channel" json:"channel"`
	ShopID   *uint64 `ch:"shop_id" json:"shop_id"`
	StoreSKU string  `ch:"store_sku" json:"store_sku"`
}

// Count is the number of rows with a value.
type Count struct {
	Value string `ch:"value" json:"value"`
	N     uint64 `ch:"n" json:"n"`
}

// Stat has the finished records of the triggers of an hour or a minute, summed over all matching
// shops.
type Stat struct {
	// At is when the hour or the minute of the trigger began. The API has those of hours.
	At          time.Time `ch:"at" json:"hour"`
	Status      string    `ch:"status" json:"status"`
	Reason      string    `ch:"reason" json:"reason"`
	FailureCode string    `ch:"failure_code" json:"failure_code"`
	Records     uint64    `ch:"records" json:"records"`
	// P50 is the median time from trigger to finish of all these records in ms.
	P50 float64 `ch:"p50_ms" json:"p50_ms"`
	// P99 is the 99th percentile of the same time in ms.
	P99 float64 `ch:"p99_ms" json:"p99_ms"`
}

// List is a page of a list. It is at most 8 MiB as JSON, so with long rows it has fewer items than
// its limit.
type List[T any] struct {
	// Items is never nil.
	Items []T `json:"items"`
	// NextCursor requests the next page; it is empty on the last.
	NextCursor string `json:"next_cursor"`
}
