package docs

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// exampleRecords starts a ClickHouse with the schema and the records that sql.md asks about.
func exampleRecords(t *testing.T) driver.Conn {
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{embeddedtest.StartClickHouse(t).Addr()}, Database: "stockpush", Username: "default"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	_, err = store.Migrate(t.Context())
	require.NoError(t, err)
	batch := store.NewBatch()
	for _, r := range records() {
		batch.Add(&r)
	}
	for i, letter := range rejected() {
		batch.Reject(letter, midnight.Add(-time.Duration(20+i)*time.Minute))
	}
	require.NoError(t, batch.Send(t.Context()))
	return store.Conn()
}

// made is a record for the example: which store SKU, how long before midnight, its outcome.
type made struct {
	shop      int64
	sku       string
	before    time.Duration
	reason    schemas.Reason
	status    schemas.Status
	available int64
	change    func(*schemas.Record)
}

func failed(code schemas.FailureCode, words string) func(*schemas.Record) {
	return func(r *schemas.Record) { r.FailureCode, r.FailureReason = code, words }
}

func belowReserve(floor int64) func(*schemas.Record) {
	return func(r *schemas.Record) {
		failed(schemas.BelowPromotionReserve, fmt.Sprintf("stock must be larger than %d (reserve stock number)", floor))(r)
		r.PromotionFloor = &floor
	}
}

func records() []schemas.Record {
	const hour = time.Hour
	retry := func(of int, by string) func(*schemas.Record) {
		return func(r *schemas.Record) {
			r.RetryOf, r.RepeatsOffset, r.EventID, r.RequestedBy = fmt.Sprint("e-", of), int64(100+of), fmt.Sprint("retry-", of), by
		}
	}
	all := []made{
		{10001, "TSHIRT-RED-L", 40 * hour, schemas.StockInPurchase, schemas.Successfully, 50, nil},
		{10001, "TSHIRT-RED-L", 16 * hour, schemas.StockOutSale, schemas.Skipped, 49, nil},
		{10001, "TSHIRT-RED-L", 16*hour - 300*time.Millisecond, schemas.StockOutSale, schemas.Skipped, 48, nil},
		{10001, "TSHIRT-RED-L", 16*hour - 600*time.Millisecond, schemas.StockOutSale, schemas.Successfully, 47, nil},
		{10001, "TSHIRT-RED-L", 2 * hour, schemas.SyncOrder, schemas.Successfully, 41, nil},
		{10002, "TSHIRT-RED-L", 2 * hour, schemas.SyncOrder, schemas.Failed, 41, belowReserve(60)},
		{10002, "TSHIRT-BLUE-M", 3 * hour, schemas.StockCount, schemas.Failed, 5, belowReserve(12)},
		{10002, "MUG", 5 * hour, schemas.StockOutManual, schemas.Failed, 7, failed(schemas.ItemNotFound, "Item not found.")},
		{10003, "MUG", 30 * hour, schemas.StockOutManual, schemas.Failed, 7, failed(schemas.HolidayMode, "shop is on holiday")},
		{10003, "MUG", 4 * hour, schemas.PushNow, schemas.Successfully, 7, retry(9, "anna")},
		{10002, "MUG", 3 * hour, schemas.PushNow, schemas.Failed, 7, func(r *schemas.Record) {
			retry(8, "ben")(r)
			failed(schemas.ItemNotFound, "Item not found.")(r)
		}},
		{10003, "CAP", 1 * hour, schemas.StockOutSale, schemas.Pending, -3, nil},
		{10001, "CAP", 30 * time.Minute, schemas.VoidOrder, schemas.Pending, 9, nil},
	}
	rows := make([]schemas.Record, len(all))
	last := map[schemas.Key]*schemas.Record{}
	for i, m := range all {
		rows[i] = m.record(int64(i), last)
	}
	for i := range rows {
		if rows[i].Status == schemas.Skipped {
			rows[i].SupersededBy, rows[i].SupersededByOffset = rows[i+1].EventID, rows[i+1].Position.Offset
		}
	}
	return rows
}

func (m made) record(n int64, confirmed map[schemas.Key]*schemas.Record) schemas.Record {
	at := midnight.Add(-m.before)
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprintf("e-%d", n+1), Reason: m.reason, Key: schemas.Key{Channel: "shopee", ShopID: m.shop, StoreSKU: m.sku},
		MerchantSKU: m.sku[:min(len(m.sku), len("TSHIRT"))], ItemID: 500 + n, Available: m.available, RepeatsOffset: schemas.NoOffset,
		Position: schemas.Position{LogID: 1, Partition: 3, Offset: 101 + n}, OccurredAt: at.Add(-time.Second), TriggeredAt: at,
	}, m.status)
	if m.status != schemas.Skipped {
		r.QueuedAt = at.Add(time.Second)
	}
	if m.status.Terminal() {
		r.FinishedAt = at.Add(time.Duration(1200+100*n) * time.Millisecond)
	}
	if before := confirmed[r.Key]; before != nil && m.status != schemas.Skipped {
		r.BeforeQty = before.AfterQty
	}
	if m.status == schemas.Successfully {
		pushed := r.PushQty()
		r.AfterQty, r.Attempts = &pushed, 1
		confirmed[r.Key] = &r
	}
	if m.change != nil {
		m.change(&r)
	}
	return r
}

func rejected() []schemas.DeadLetter {
	letter := func(offset int64, code, field, message string) schemas.DeadLetter {
		return schemas.DeadLetter{
			BadEvent:    schemas.BadEvent{Code: code, Field: field, Message: message},
			SourceTopic: "stockpush.events", SourcePartition: 3, SourceOffset: offset, Key: []byte("shopee/10001/CAP"), Value: []byte("{}"),
		}
	}
	keyless := letter(204, schemas.CodeNotJSON, "", "is not JSON")
	keyless.Key = nil
	return []schemas.DeadLetter{
		keyless,
		letter(201, schemas.CodeMissingField, "item_id", "is missing"),
		letter(202, schemas.CodeMissingField, "item_id", "is missing"),
		letter(203, schemas.CodeUnknownReason, "reason", `"sale" is not one of the 17 reasons`),
	}
}
