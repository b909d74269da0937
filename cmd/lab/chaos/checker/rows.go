package checker

import "time"

// Time is a time as ClickHouse formats it.
type Time struct{ time.Time }

// UnmarshalJSON parses DateTime and DateTime64(3) in UTC. NULL, which views have for a time that
// does not apply, is 1970 as in push_records.
func (t *Time) UnmarshalJSON(raw []byte) (err error) {
	if string(raw) == "null" {
		t.Time = time.Unix(0, 0).UTC()
		return nil
	}
	t.Time, err = time.Parse(`"2006-01-02 15:04:05.999"`, string(raw))
	return err
}

// Record is a row of push_records or of a view with its columns.
type Record struct {
	Channel            string `json:"channel"`
	ShopID             int64  `json:"shop_id"`
	StoreSKU           string `json:"store_sku"`
	MerchantSKU        string `json:"merchant_sku"`
	ItemID             int64  `json:"item_id"`
	ModelID            int64  `json:"model_id"`
	LocationID         string `json:"location_id"`
	EventID            string `json:"event_id"`
	RetryOf            string `json:"retry_of"`
	RepeatsOffset      *int64 `json:"repeats_offset"`
	Reason             string `json:"reason"`
	Status             string `json:"status"`
	Available          int64  `json:"available"`
	PromotionReserved  int64  `json:"promotion_reserved"`
	PushQty            int64  `json:"push_qty"`
	BeforeQty          *int64 `json:"before_qty"`
	AfterQty           *int64 `json:"after_qty"`
	FailureCode        string `json:"failure_code"`
	FailureReason      string `json:"failure_reason"`
	SupersededBy       string `json:"superseded_by"`
	SupersededByOffset *int64 `json:"superseded_by_offset"`
	Attempts           int    `json:"attempts"`
	LogID              int    `json:"log_id"`
	Partition          int32  `json:"event_partition"`
	Offset             int64  `json:"event_offset"`
	OccurredAt         Time   `json:"occurred_at"`
	TriggeredAt        Time   `json:"triggered_at"`
	QueuedAt           Time   `json:"queued_at"`
	FinishedAt         Time   `json:"finished_at"`
	// Class and Hint are columns of failed_push_records.
	Class string `json:"failure_class"`
	Hint  string `json:"hint"`
}

func (r *Record) at() position { return position{r.Partition, r.Offset} }

// key returns the store SKU's key in Kafka.
func (r *Record) key() string { return skuKey(r.Channel, r.ShopID, r.StoreSKU) }

// Fact is a row of push_record_facts, by the checker's own rule for the row that counts.
type Fact struct {
	Partition   int32  `json:"event_partition"`
	Offset      int64  `json:"event_offset"`
	Status      string `json:"status"`
	FailureCode string `json:"failure_code"`
}

// SKUStatus is a row of store_sku_push_status and merchant_sku_push_status.
type SKUStatus struct {
	Channel           string `json:"channel"`
	ShopID            int64  `json:"shop_id"`
	StoreSKU          string `json:"store_sku"`
	MerchantSKU       string `json:"merchant_sku"`
	PushQty           int64  `json:"last_push_qty"`
	Status            string `json:"last_push_status"`
	Reason            string `json:"last_reason"`
	FailureCode       string `json:"last_failure_code"`
	FailureReason     string `json:"last_failure_reason"`
	TriggeredAt       Time   `json:"last_triggered_at"`
	FinishedAt        Time   `json:"last_finished_at"`
	Pending           int    `json:"pending"`
	Available         int64  `json:"available"`
	PromotionReserved int64  `json:"promotion_reserved"`
}

// Stat is a row of push_stats_hourly.
type Stat struct {
	Hour        Time    `json:"hour"`
	ShopID      int64   `json:"shop_id"`
	Reason      string  `json:"reason"`
	Status      string  `json:"status"`
	FailureCode string  `json:"failure_code"`
	Records     int     `json:"records"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
}

// RejectedEvent is a row of rejected_events.
type RejectedEvent struct {
	Topic     string `json:"source_topic"`
	Partition int32  `json:"source_partition"`
	Offset    int64  `json:"source_offset"`
	Code      string `json:"error_code"`
	Key       string `json:"key"`
	Value     string `json:"value"`
}

// Call is an update_stock call that reached the sandbox.
type Call struct {
	Received   int64     `json:"received"`
	ReceivedAt time.Time `json:"received_at"`
	AppliedAt  time.Time `json:"applied_at"`
	Host       string    `json:"host"`
	ShopID     int64     `json:"shop_id"`
	ItemID     int64     `json:"item_id"`
	Lines      []Line    `json:"lines"`
	Fault      string    `json:"fault"`
}

// Line is a model of a call.
type Line struct {
	ModelID int64 `json:"model_id"`
	Stock   int64 `json:"stock"`
	Applied bool  `json:"applied"`
}
