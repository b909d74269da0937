package setup_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/sinks/clickhouse"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// newStore returns a store whose tables have no rows. Tests that change the tables take
// newOwnStore.
func newStore(t *testing.T) *clickhouse.Store {
	store := openStore(t, embeddedtest.SharedClickHouse(t).Addr(), "d")
	embeddedtest.Empty(t, "d")
	_, err := store.Migrate(t.Context())
	require.NoError(t, err)
	return store
}

// newOwnStore returns a store whose database is new and is dropped after the test.
func newOwnStore(t *testing.T) *clickhouse.Store {
	store := openStore(t, embeddedtest.WithoutDatabases(t).Addr(), "d")
	done, err := store.Migrate(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, done)
	again, err := store.Migrate(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return store
}

var now = time.Now().UTC().Truncate(time.Millisecond)

func record(sku string, offset int64, status schemas.Status) schemas.Record {
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprintf("%s@%d", sku, offset), Reason: schemas.StockCount, MerchantSKU: "M",
		Key:    schemas.Key{Channel: "shopee", ShopID: 10001, StoreSKU: sku},
		ItemID: 1, Available: offset, PromotionReserved: 1, OccurredAt: now, RepeatsOffset: schemas.NoOffset,
		Position: schemas.Position{LogID: 1, Partition: 3, Offset: offset}, TriggeredAt: now.Add(time.Duration(offset) * time.Millisecond),
	}, status)
	if status != schemas.Pending {
		r.FinishedAt = r.TriggeredAt.Add(100 * time.Millisecond)
	}
	switch status {
	case schemas.Failed:
		r.FailureCode, r.FailureReason = schemas.HolidayMode, "holiday"
	case schemas.Successfully:
		qty := r.PushQty()
		r.AfterQty = &qty
	case schemas.Skipped:
		r.SupersededBy, r.SupersededByOffset = "x", offset+1
	}
	return r
}

func insert(t *testing.T, s *clickhouse.Store, records ...schemas.Record) {
	b := s.NewBatch()
	for i := range records {
		b.Add(&records[i])
	}
	require.NoError(t, b.Send(t.Context()))
}

func text(t *testing.T, s *clickhouse.Store, query string) string {
	var out string
	require.NoError(t, s.Conn().QueryRow(t.Context(), query).Scan(&out), query)
	return out
}

func TestViewsMatchTheContract(t *testing.T) {
	s := newStore(t)
	insert(t, s,
		record("failed", 1, schemas.Successfully), record("failed", 2, schemas.Failed), record("failed", 3, schemas.Skipped),
		record("resolved", 1, schemas.Failed), record("resolved", 2, schemas.Successfully),
		record("again", 1, schemas.Failed), record("again", 2, schemas.Pending),
		record("skipped", 1, schemas.Skipped), record("skipped", 2, schemas.Skipped),
		record("twice", 1, schemas.Failed), record("twice", 2, schemas.Failed),
	)
	require.Equal(t, "again 3 Pending 1;failed 3 Failed 0;resolved 3 Successfully 0;skipped 3 Skipped 0;twice 3 Failed 0", text(t, s, `
		SELECT arrayStringConcat(arraySort(groupArray(concat(store_sku, ' ', toString(last_push_qty), ' ', toString(last_push_status), ' ', toString(pending)))), ';') FROM d.store_sku_push_status`))
	require.Equal(t, "failed@2,twice@1,twice@2", text(t, s, "SELECT arrayStringConcat(arraySort(groupArray(event_id)), ',') FROM d.failed_push_records"))
	require.Equal(t, "shop "+schemas.HolidayMode.Hint(), text(t, s, "SELECT any(concat(failure_class, ' ', hint)) FROM d.failed_push_records"))
	require.Equal(t, "5", text(t, s, "SELECT toString(count()) FROM d.merchant_sku_push_status WHERE merchant_sku = 'M'"))
	require.Equal(t, "Stock Count 2 2 3", text(t, s,
		"SELECT concat(toString(reason), ' ', toString(available), ' ', toString(event_offset), ' ', toString(push_qty)) FROM d.push_record_history WHERE event_id = 'resolved@2'"))
}

func TestBurstOfSkippedHidesNothing(t *testing.T) {
	s := newStore(t)
	records := []schemas.Record{record("burst", 1, schemas.Failed), record("held", 1, schemas.Pending)}
	for i := int64(2); i < 400; i++ {
		records = append(records, record("burst", i, schemas.Skipped), record("held", i, schemas.Skipped))
	}
	insert(t, s, records...)
	for range 2 {
		require.Equal(t, "200", text(t, s, "SELECT toString(count()) FROM d.push_record_history"))
		require.Equal(t, "burst@1", text(t, s, "SELECT event_id FROM d.failed_push_records"))
		require.Equal(t, "Failed Pending", text(t, s, "SELECT arrayStringConcat(groupArray(toString(last_push_status)), ' ') FROM (SELECT * FROM d.store_sku_push_status ORDER BY store_sku)"))
		require.NoError(t, s.Trim(t.Context()))
	}
	require.Equal(t, "202", text(t, s, "SELECT toString(count()) FROM d.push_records"))
	require.Equal(t, "797", text(t, s, "SELECT toString(sum(records)) FROM d.push_stats_hourly"), "statistics count what was trimmed")
}

// The same record written in any order, any number of times and by any number of batches is one row
// in every view, with its highest-ranked status.
func TestReplaysCountOnce(t *testing.T) {
	s := newStore(t)
	random := rand.New(rand.NewPCG(1, 2))
	final := map[string]schemas.Status{}
	var rows []schemas.Record
	for i := range int64(60) {
		for _, status := range []schemas.Status{schemas.Pending, schemas.Skipped, schemas.Failed, schemas.Successfully} {
			if random.IntN(2) == 0 {
				r := record(fmt.Sprintf("s%d", i%5), i, status)
				rows = append(rows, r, r)
				final[r.EventID] = max(final[r.EventID], status)
			}
		}
	}
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for len(rows) > 0 {
		n := min(len(rows), 1+random.IntN(40))
		insert(t, s, rows[:n]...)
		rows = rows[n:]
	}
	counts := map[schemas.Status]int{}
	for _, status := range final {
		counts[status]++
	}
	for status, n := range counts {
		where := fmt.Sprintf(" WHERE status = '%s'", status)
		require.Equal(t, fmt.Sprint(n), text(t, s, "SELECT toString(count()) FROM d.push_record_history"+where))
		if status != schemas.Pending {
			require.Equal(t, fmt.Sprint(n), text(t, s, "SELECT toString(sum(records)) FROM d.push_stats_hourly"+where))
		}
	}
}

// Clocks differ, and a producer's timestamps may be arbitrary.
func TestDurationsOfStatisticsAreNeverNegative(t *testing.T) {
	s := newStore(t)
	var records []schemas.Record
	for i, ahead := range []time.Duration{-100 * time.Millisecond, 4 * time.Minute, 150 * 365 * 24 * time.Hour} {
		r := record("ahead", int64(i+1), schemas.Successfully)
		r.TriggeredAt, r.FinishedAt = now.Add(ahead), now
		records = append(records, r)
	}
	insert(t, s, records...)
	for _, view := range []string{"push_stats_live", "push_stats_hourly"} {
		require.Equal(t, "3", text(t, s, "SELECT toString(sum(records)) FROM d."+view), view)
		require.Equal(t, "0", text(t, s, "SELECT toString(countIf(p50_ms < 0 OR p99_ms < 0 OR p99_ms > 1000)) FROM d."+view), view)
	}
}

func TestOldHoursAreFrozen(t *testing.T) {
	s := newStore(t)
	old := record("old", 1, schemas.Successfully)
	old.TriggeredAt = now.Add(-10 * 24 * time.Hour)
	old.FinishedAt = old.TriggeredAt.Add(time.Second)
	insert(t, s, old, record("new", 1, schemas.Successfully))
	require.NoError(t, s.Freeze(t.Context()))
	require.NoError(t, s.Freeze(t.Context()))
	late := old
	late.Position.Offset = 2
	insert(t, s, late)
	require.Equal(t, "1 1", text(t, s, "SELECT concat(toString(sumIf(records, hour < now() - INTERVAL 9 DAY)), ' ', toString(sumIf(records, hour > now() - INTERVAL 9 DAY))) FROM d.push_stats_hourly"))
	require.Equal(t, "1", text(t, s, "SELECT toString(count()) FROM d.push_stats_hourly WHERE abs(p50_ms - 1000) < 10 AND abs(p99_ms - 1000) < 10"))
	older := record("older", 1, schemas.Successfully)
	older.TriggeredAt = now.Add(-31 * 24 * time.Hour)
	insert(t, s, older)
	require.Equal(t, "0", text(t, s, "SELECT toString(count()) FROM d.push_record_history WHERE store_sku = 'older'"))
}

// The views show no time for what has not happened, and never the start of 1970.
func TestTimesThatDoNotApplyAreNull(t *testing.T) {
	s := newStore(t)
	insert(t, s, record("waits", 1, schemas.Pending), record("skipped", 1, schemas.Skipped), record("pushed", 1, schemas.Successfully), record("failed", 1, schemas.Failed))
	const times = "SELECT arrayStringConcat(arraySort(groupArray(concat(store_sku, ' ', toString(%s IS NULL)))), ',') FROM d.%s"
	for _, view := range []string{"store_sku_push_status", "merchant_sku_push_status"} {
		require.Equal(t, "failed 0,pushed 0,skipped 0,waits 1", text(t, s, fmt.Sprintf(times, "last_finished_at", view)), view)
	}
	require.Equal(t, "failed 0,pushed 0,skipped 0,waits 1", text(t, s, fmt.Sprintf(times, "finished_at", "push_record_history")))
	require.Equal(t, "failed 0", text(t, s, fmt.Sprintf(times, "finished_at", "failed_push_records")))
	objects, err := schema.Objects("d")
	require.NoError(t, err)
	for _, o := range objects {
		for _, c := range o.Columns {
			if o.Kind == schema.View && strings.Contains(c.Type, "DateTime") {
				require.Equal(t, "0", text(t, s, fmt.Sprintf("SELECT toString(countIf(toUnixTimestamp(%s) = 0)) FROM d.%s", c.Name, o.Name)), "%s.%s", o.Name, c.Name)
			}
		}
	}
}

// A rejected event belongs to a store SKU if its key names one, whatever its value is.
func TestRejectedEventHasTheStoreSKUOfItsKey(t *testing.T) {
	s := newStore(t)
	b := s.NewBatch()
	long := strings.Repeat("x", 256)
	for i, key := range []string{"shopee/10001/A/B", "lazada/10001/A", "shopee/0/A", "shopee/-1/A", "shopee/x/A", "shopee/10001/", "shopee/10001/" + long, "shopee/10001/\xff", "", "A"} {
		b.Reject(schemas.DeadLetter{SourceTopic: "events", SourceOffset: int64(i), Key: []byte(key), Value: []byte("{")}, now)
	}
	require.NoError(t, b.Send(t.Context()))
	require.Equal(t, []string{"0 shopee 10001 A/B"}, lines(t, s, "source_offset, channel, shop_id, store_sku", "rejected_events WHERE shop_id IS NOT NULL"))
	require.Equal(t, "9", text(t, s, "SELECT toString(count()) FROM d.rejected_events WHERE shop_id IS NULL AND channel = '' AND store_sku = ''"))
}

// Each store SKU has one newest failure, whatever else a query asks for.
func TestNewestFailureIsMarked(t *testing.T) {
	s := newStore(t)
	resolved := record("twice", 4, schemas.Successfully)
	insert(t, s, record("twice", 1, schemas.Failed), resolved, record("twice", 5, schemas.Failed), record("twice", 7, schemas.Failed), record("once", 2, schemas.Failed),
		record("again", 1, schemas.Failed), record("again", 2, schemas.Pending))
	const of = "failed_push_records"
	require.Equal(t, []string{"once@2 true", "twice@5 false", "twice@7 true"}, lines(t, s, "event_id, newest", of))
	require.Equal(t, []string{"once@2", "twice@7"}, lines(t, s, "event_id", of+" WHERE newest"))
	require.Equal(t, []string{"twice@5 false"}, lines(t, s, "event_id, newest", of+" WHERE event_offset = 5"))
}
