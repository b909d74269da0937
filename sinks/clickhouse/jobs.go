package clickhouse

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	schema "stockpush/schemas/clickhouse"
)

// keptPerStoreSKU is how many of its newest records a store SKU keeps.
const keptPerStoreSKU = 100

// Limits of one run of trimming. Store SKUs are drawn at random, weighted by their records, so that
// those with nothing to remove never starve others.
const (
	trimmedStoreSKUs = 2000
	trimmedRecords   = 500_000
)

// Trim removes the records of each store SKU beyond the newest 100, but never a Pending record, an
// unresolved failure or the newest outcome. It also removes the copies of resolved failures.
func (s *Store) Trim(ctx context.Context) error {
	if err := s.trimRecords(ctx); err != nil {
		return fmt.Errorf("trim push_records: %w", err)
	}
	if err := s.trimFailures(ctx); err != nil {
		return fmt.Errorf("trim failed_push_record_rows: %w", err)
	}
	return nil
}

// trimRecords stores which records to remove before it removes them. A removal works part by part.
// If it selected again in between, it could find a record's terminal row gone, take the record for
// Pending, and leave it so.
func (s *Store) trimRecords(ctx context.Context) error {
	run := newRunID()
	onAll, err := s.onAllReplicas(ctx, "trimmed_push_records")
	if err != nil {
		return err
	}
	err = s.conn.Exec(onAll, fmt.Sprintf(`INSERT INTO %[2]s
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

// trimFailures removes failures that a success has resolved. Failures hidden by a Pending record
// stay: if that record is skipped, they show again.
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

// removeIfAny deletes rows, and starts no deletion if no row matches.
func (s *Store) removeIfAny(ctx context.Context, table, condition string) error {
	var rows uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+s.table(table)+" WHERE "+condition).Scan(&rows); err != nil || rows == 0 {
		return err
	}
	settings := " SETTINGS lightweight_deletes_sync = 2"
	if s.cluster.Name != "" {
		// Each replica evaluates the condition for itself, and deletes at its own time.
		settings = " SETTINGS lightweight_deletes_sync = 1, allow_nondeterministic_mutations = 1"
	}
	return s.conn.Exec(ctx, "DELETE FROM "+s.table(table)+" WHERE "+condition+settings)
}

// onAllReplicas returns a context whose inserts into a table succeed only if all replicas have the
// rows. A deletion that selects from the table then deletes the same rows on each. While a replica
// is down, nothing is inserted.
func (s *Store) onAllReplicas(ctx context.Context, table string) (context.Context, error) {
	if s.cluster.Name == "" {
		return ctx, nil
	}
	var replicas uint32
	if err := s.conn.QueryRow(ctx, "SELECT total_replicas FROM system.replicas WHERE database = ? AND table = ?", s.database, table).Scan(&replicas); err != nil {
		return nil, fmt.Errorf("count the replicas: %w", err)
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_quorum": int(replicas), "insert_quorum_timeout": 60_000})), nil
}

// frozenAfter is the age at which an hour's statistics are frozen.
const frozenAfter = 9 * 24 * time.Hour

// Freeze stores the final statistics of hours older than 9 days. Its rows count once its last
// statement lists the complete hours. Of two concurrent runs, the hours of the earlier one count.
func (s *Store) Freeze(ctx context.Context) error {
	frozen, freezes, id := s.table("push_stats_frozen"), s.table("push_stats_freezes"), newRunID()
	end := time.Now().UTC().Add(-frozenAfter).Truncate(time.Hour)
	last := end.Add(-time.Hour).Unix()
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO %s SELECT hour, '%s', channel, shop_id, reason, status, failure_code, records, p50_ms, p99_ms, latency_state
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

// newRunID returns an identifier of a job's run that sorts after those of earlier runs.
func newRunID() string {
	return time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z-") + rand.Text()
}
