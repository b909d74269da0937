package clickhouse

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	schema "stockpush/schemas/clickhouse"
)

// keptPerStoreSKU is how many of its newest records a store SKU keeps.
const keptPerStoreSKU = 100

// What one run of trimming removes at most. The store SKUs are drawn at random, those with
// many records sooner, so that those with nothing to take never keep others waiting.
const (
	trimmedStoreSKUs = 2000
	trimmedRecords   = 500_000
)

// Trim removes the records beyond the newest 100 of each store SKU, all their
// rows, but never a Pending one, a failure that is unresolved, or the newest
// outcome; and the copies of failures that are resolved.
func (s *Store) Trim(ctx context.Context) error {
	if err := s.trimRecords(ctx); err != nil {
		return fmt.Errorf("trim push_records: %w", err)
	}
	if err := s.trimFailures(ctx); err != nil {
		return fmt.Errorf("trim failed_push_record_rows: %w", err)
	}
	return nil
}

// trimRecords writes down which records go before it removes them: a removal
// goes part by part, and one that looked again in between could find a
// record's terminal row gone, take it for Pending, and leave it so for ever.
func (s *Store) trimRecords(ctx context.Context) error {
	run := newRunID()
	err := s.conn.Exec(ctx, fmt.Sprintf(`INSERT INTO %[2]s
		WITH (log_id, event_offset) AS position
		SELECT '%[5]s', now(), channel, shop_id, store_sku, log_id, event_offset FROM (
			SELECT channel, shop_id, store_sku, log_id, event_offset, status,
				row_number() OVER (PARTITION BY channel, shop_id, store_sku ORDER BY log_id DESC, event_offset DESC) AS age,
				max(if(status IN ('Successfully', 'Pending'), position, (toUInt16(0), toInt64(-1)))) OVER sku AS resolved_at,
				max(if(status != 'Skipped', position, (toUInt16(0), toInt64(-1)))) OVER sku AS outcome_at
			FROM %[1]s FINAL
			WHERE (channel, shop_id, store_sku) IN (
				SELECT channel, shop_id, store_sku FROM %[1]s GROUP BY channel, shop_id, store_sku
				HAVING count() > %[3]d ORDER BY count() * randCanonical() DESC LIMIT %[4]d
			)
			WINDOW sku AS (PARTITION BY channel, shop_id, store_sku)
		)
		WHERE age > %[3]d AND status != 'Pending' AND position != outcome_at AND NOT (status = 'Failed' AND position > resolved_at)
		LIMIT %[6]d
		SETTINGS optimize_aggregation_in_order = 1`,
		s.table("push_records"), s.table("trimmed_push_records"), keptPerStoreSKU, trimmedStoreSKUs, run, trimmedRecords))
	if err != nil {
		return err
	}
	return s.removeIfAny(ctx, "push_records", fmt.Sprintf(`(channel, shop_id, store_sku, log_id, event_offset) IN (
		SELECT channel, shop_id, store_sku, log_id, event_offset FROM %s WHERE run = '%s')`, s.table("trimmed_push_records"), run))
}

// trimFailures removes what a success has resolved for good; what a Pending
// record hides comes back if that one is skipped.
func (s *Store) trimFailures(ctx context.Context) error {
	return s.removeIfAny(ctx, "failed_push_record_rows", fmt.Sprintf(`(channel, shop_id, store_sku, log_id, event_offset) IN (
		SELECT f.channel, f.shop_id, f.store_sku, f.log_id, f.event_offset
		FROM %[1]s AS f
		JOIN (
			SELECT channel, shop_id, store_sku, max(succeeded) AS resolved_by FROM %[2]s
			PREWHERE succeeded > 0 AND sku_hash IN (SELECT sku_hash FROM %[1]s)
			GROUP BY channel, shop_id, store_sku
		) AS s USING (channel, shop_id, store_sku)
		WHERE %[3]s < resolved_by)`, s.table("failed_push_record_rows"), s.table("store_sku_states"), schema.Rank))
}

// removeIfAny deletes rows, but does not begin a deletion that has nothing to do.
func (s *Store) removeIfAny(ctx context.Context, table, condition string) error {
	var rows uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+s.table(table)+" WHERE "+condition).Scan(&rows); err != nil || rows == 0 {
		return err
	}
	return s.conn.Exec(ctx, "DELETE FROM "+s.table(table)+" WHERE "+condition+" SETTINGS lightweight_deletes_sync = 2")
}

// frozenAfter is how old an hour is when its statistics are written down.
const frozenAfter = 9 * 24 * time.Hour

// Freeze writes the statistics of hours older than 9 days down for good. Its
// rows count when it says at the end, at once, which hours are complete; where
// two run at the same time, the hours of the one that began first count.
func (s *Store) Freeze(ctx context.Context) error {
	frozen, freezes, id := s.table("push_stats_frozen"), s.table("push_stats_freezes"), newRunID()
	end := time.Now().UTC().Add(-frozenAfter).Truncate(time.Hour)
	last := end.Add(-time.Hour).Unix()
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO %s SELECT hour, '%s', channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms
			FROM %s WHERE hour <= toDateTime(%d, 'UTC')`, frozen, id, s.table("push_stats_live"), last),
		fmt.Sprintf(`INSERT INTO %[1]s SELECT DISTINCT arrayJoin([hour, toDateTime(%[4]d, 'UTC')]) AS hour, '%[3]s' FROM (
			SELECT hour FROM %[2]s WHERE freeze_id = '%[3]s' UNION ALL SELECT toDateTime(%[4]d, 'UTC'))`, freezes, frozen, id, last),
	} {
		if err := s.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("freeze push_stats_hourly: %w", err)
		}
	}
	return nil
}

// newRunID names a run of a job; a later one's sorts after an earlier one's.
func newRunID() string {
	return time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z-") + rand.Text()
}
