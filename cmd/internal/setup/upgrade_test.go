package setup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/schemas/schemastest"
	"stockpush/sinks/clickhouse"
)

// The steps that change what an earlier version made: small blocks, the time of the outcome, and the floor.
const firstAddition, lastAddition = "020", "034~"

// insertBefore is what a sink of the version before the additions inserts.
func insertBefore(t *testing.T, s *clickhouse.Store, sku string) {
	require.NoError(t, s.Conn().Exec(t.Context(), `INSERT INTO d.push_records (channel, shop_id, store_sku, event_id, reason, status, push_qty, failure_code,
		failure_reason, log_id, event_partition, event_offset, triggered_at, version)
		VALUES ('shopee', 10001, ?, ?, 'Stock Count', 'Failed', 4, 'below_promotion_reserve', 'larger than 9 (reserve stock number)', 1, 0, 7, now64(3), 3)`, sku, sku))
}

func TestTheSchemaIsUpgradedWithRowsPresent(t *testing.T) {
	s, err := clickhouse.Open(clickhouse.Config{Addr: embeddedtest.StartClickHouse(t).Addr(), Database: "d", Username: "default"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	run := func(sql string, args ...any) { require.NoError(t, s.Conn().Exec(t.Context(), sql, args...), sql) }
	run("CREATE DATABASE d")
	run("CREATE TABLE d.schema_migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY name")
	steps, err := schema.Migrations("d")
	require.NoError(t, err)
	for _, step := range steps {
		if step.Name < firstAddition {
			run(step.SQL)
			run("INSERT INTO d.schema_migrations (name) VALUES (?)", step.Name)
		}
	}
	insertBefore(t, s, "before")

	done, err := s.Migrate(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, done)
	insertBefore(t, s, "between")
	floor := int64(9)
	after := record("after", time.Now().Unix(), schemas.Failed)
	after.FailureCode, after.PromotionFloor = schemas.BelowPromotionReserve, &floor
	insert(t, s, after)
	const floors = "SELECT arrayStringConcat(arraySort(groupArray(concat(store_sku, ' ', ifNull(toString(promotion_floor), '-')))), ',') FROM d."
	for _, view := range []string{"push_record_history", "failed_push_records"} {
		require.Equal(t, "after 9,before -,between -", text(t, s, floors+view), view)
	}
	require.Equal(t, schemas.BelowPromotionReserve.Hint(), text(t, s, "SELECT hint FROM d.failed_push_records WHERE store_sku = 'before'"))
	require.Equal(t, schemastest.Hint(schemas.BelowPromotionReserve, &floor), text(t, s, "SELECT hint FROM d.failed_push_records WHERE store_sku = 'after'"))
	require.Contains(t, schemastest.Hint(schemas.BelowPromotionReserve, &floor), "Shopee reserves 9.")
	for _, step := range steps { // a setup that ended half-way begins the step again
		if step.Name >= firstAddition && step.Name < lastAddition {
			run(step.SQL)
		}
	}
	require.Equal(t, "after 9,before -,between -", text(t, s, floors+"failed_push_records"))
	require.Equal(t, "before 4,between 4", text(t, s, "SELECT arrayStringConcat(arraySort(groupArray(concat(store_sku, ' ', toString(last_push_qty)))), ',') "+
		"FROM d.store_sku_standings WHERE last_push_status = 'Failed' AND store_sku != 'after'"))
	require.Equal(t, "3 3", text(t, s, "SELECT concat(toString(count()), ' ', toString(countIf(outcome_at = outcome.triggered_at))) FROM d.store_sku_states"))
}
