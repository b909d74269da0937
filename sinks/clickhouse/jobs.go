package clickhouse

import (
	"context"
	"fmt"
)

// keptPerStoreSKU is how many of its newest records a store SKU keeps.
const keptPerStoreSKU = 100

// Trim removes the records beyond the newest 100 of each store SKU, all their
// rows, but never a Pending one, a failure that is unresolved, or the newest
// outcome.
func (s *Store) Trim(ctx context.Context) error {
	err := s.conn.Exec(ctx, fmt.Sprintf(`DELETE FROM %[1]s WHERE (channel, shop_id, store_sku, log_id, event_offset) IN (
		SELECT channel, shop_id, store_sku, log_id, event_offset FROM (
			SELECT channel, shop_id, store_sku, log_id, event_offset, status,
				row_number() OVER newest AS age,
				max(if(status IN ('Successfully', 'Pending'), (log_id, event_offset), (toUInt16(0), toInt64(-1)))) OVER sku AS resolved_at,
				max(if(status != 'Skipped', (log_id, event_offset), (toUInt16(0), toInt64(-1)))) OVER sku AS outcome_at
			FROM %[1]s FINAL
			WINDOW sku AS (PARTITION BY channel, shop_id, store_sku),
				newest AS (PARTITION BY channel, shop_id, store_sku ORDER BY log_id DESC, event_offset DESC)
		)
		WHERE age > %[2]d AND status != 'Pending' AND (log_id, event_offset) != outcome_at
			AND NOT (status = 'Failed' AND (log_id, event_offset) > resolved_at)
	)`, s.table("push_records"), keptPerStoreSKU))
	if err != nil {
		return fmt.Errorf("trim push_records: %w", err)
	}
	return nil
}

// Freeze writes the statistics of hours older than 9 days down for good.
func (s *Store) Freeze(ctx context.Context) error {
	err := s.conn.Exec(ctx, fmt.Sprintf(`INSERT INTO %s SELECT * FROM %s
		WHERE hour < toStartOfHour(now('UTC') - INTERVAL 9 DAY)
			AND hour > (SELECT max(hour) FROM %s)`,
		s.table("push_stats_frozen"), s.table("push_stats_hourly"), s.table("push_stats_frozen")))
	if err != nil {
		return fmt.Errorf("freeze push_stats_hourly: %w", err)
	}
	return nil
}
