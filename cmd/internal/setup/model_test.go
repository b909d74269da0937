package setup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// The model: what docs/sql.md of the command says of the views, in plain Go.

// storeSKUs returns the records of the last 30 days by store SKU, newest first.
func (h *history) storeSKUs() map[string][]schemas.Record {
	bySKU := map[string][]schemas.Record{}
	for _, r := range h.final {
		if r.TriggeredAt.After(now.Add(-month)) {
			bySKU[r.Key.StoreSKU] = append(bySKU[r.Key.StoreSKU], r)
		}
	}
	for _, records := range bySKU {
		slices.SortFunc(records, newerFirst)
	}
	return bySKU
}

// last returns the newest record that is not Skipped, or the newest if all are.
func last(records []schemas.Record) schemas.Record {
	i := slices.IndexFunc(records, func(r schemas.Record) bool { return r.Status != schemas.Skipped })
	return records[max(i, 0)]
}

// unresolved returns the Failed records without a newer one that is Successfully or Pending.
func unresolved(records []schemas.Record) []schemas.Record {
	var failed []schemas.Record
	for _, r := range records {
		switch r.Status {
		case schemas.Successfully, schemas.Pending:
			return failed
		case schemas.Failed:
			failed = append(failed, r)
		}
	}
	return failed
}

func statusLine(sku string, records []schemas.Record) string {
	l, pending := last(records), 0
	for _, r := range records {
		if r.Status == schemas.Pending {
			pending++
		}
	}
	return line(sku, records[0].MerchantSKU, l.PushQty(), l.Status.String(), l.Reason.Label(), string(l.FailureCode), l.FailureReason,
		millis(l.TriggeredAt), millis(l.FinishedAt), pending)
}

func recordLine(r schemas.Record) string {
	return line(r.Key.StoreSKU, r.MerchantSKU, r.EventID, r.Status.String(), r.Reason.Label(), r.Available, r.PushQty(), string(r.FailureCode), r.FailureReason,
		r.Position.LogID, r.Position.Partition, r.Position.Offset, millis(r.TriggeredAt), millis(r.QueuedAt), millis(r.FinishedAt))
}

// millis returns a time in milliseconds, and NULL for the zero time, which does not apply.
func millis(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return fmt.Sprint(t.UnixMilli())
}

func line(fields ...any) string {
	return strings.TrimSuffix(fmt.Sprintln(fields...), "\n")
}

const (
	statusColumns = "store_sku, merchant_sku, last_push_qty, last_push_status, last_reason, last_failure_code, last_failure_reason, " +
		"toUnixTimestamp64Milli(last_triggered_at), ifNull(toString(toUnixTimestamp64Milli(last_finished_at)), 'NULL'), pending"
	recordColumns = "store_sku, merchant_sku, event_id, status, reason, available, push_qty, failure_code, failure_reason, " +
		"log_id, event_partition, event_offset, toUnixTimestamp64Milli(triggered_at), " +
		"ifNull(toString(toUnixTimestamp64Milli(queued_at)), 'NULL'), ifNull(toString(toUnixTimestamp64Milli(finished_at)), 'NULL')"
	statsColumns = "hour, reason, status, failure_code, sum(records)"
)

// requireViews compares every view of the history's shop with the model.
func requireViews(t *testing.T, s *clickhouse.Store, h history) {
	t.Helper()
	where := fmt.Sprintf(" WHERE shop_id = %d", h.shop)
	today := fmt.Sprintf("toDate('%s')", now.Format(time.DateOnly)) // the model's, also when the test passes midnight
	var statuses, histories, failures []string
	for sku, records := range h.storeSKUs() {
		statuses = append(statuses, statusLine(sku, records))
		for _, r := range records[:min(len(records), 100)] {
			histories = append(histories, recordLine(r))
		}
		for _, r := range unresolved(records) {
			failures = append(failures, recordLine(r))
		}
	}
	requireLines(t, statuses, lines(t, s, statusColumns, "store_sku_push_status"+where))
	requireLines(t, statuses, lines(t, s, statusColumns, "merchant_sku_push_status"+where))
	requireLines(t, statuses, lines(t, s, statusColumns, "store_sku_standings"+where))
	requireLines(t, histories, lines(t, s, recordColumns, "push_record_history"+where))
	requireLines(t, failures, lines(t, s, recordColumns, "failed_push_records"+where))
	requireLines(t, h.days(func(schemas.Record) string { return "" }), lines(t, s, "day, '', records, pushed, failed, skipped", "push_stats_daily"+where+" AND day > "+today+" - 28"))
	requireLines(t, h.days(func(r schemas.Record) string { return r.Key.StoreSKU }), lines(t, s, "day, store_sku, records, pushed, failed, skipped",
		"store_sku_push_stats_daily"+where+" AND day > "+today+" - 28 AND records > 0"))
	requireLines(t, h.stats(), lines(t, s, statsColumns,
		"push_stats_hourly"+where+fmt.Sprintf(" AND hour >= fromUnixTimestamp(%d) - INTERVAL 29 DAY GROUP BY hour, reason, status, failure_code", now.Unix())))
}

// stats counts the finished records of 29 days; the facts of older ones may be gone.
func (h *history) stats() []string {
	counts := map[string]int{}
	for _, r := range h.final {
		if hour := r.TriggeredAt.Truncate(time.Hour); r.Status.Terminal() && hour.After(now.Add(-29*24*time.Hour)) {
			counts[line(hour.Format(time.DateTime), r.Reason.Label(), r.Status.String(), string(r.FailureCode))]++
		}
	}
	var out []string
	for group, n := range counts {
		out = append(out, line(group, n))
	}
	return out
}

// days counts the finished records of 27 days by day and group, in all and by status.
func (h *history) days(group func(schemas.Record) string) []string {
	counts := map[string]map[schemas.Status]int{}
	for _, r := range h.final {
		if day := r.TriggeredAt.Truncate(24 * time.Hour); r.Status.Terminal() && day.After(now.Truncate(24*time.Hour).Add(-28*24*time.Hour)) {
			key := line(day.Format(time.DateOnly), group(r))
			if counts[key] == nil {
				counts[key] = map[schemas.Status]int{}
			}
			counts[key][r.Status]++
		}
	}
	var out []string
	for key, n := range counts {
		pushed, failed, skipped := n[schemas.Successfully], n[schemas.Failed], n[schemas.Skipped]
		out = append(out, line(key, pushed+failed+skipped, pushed, failed, skipped))
	}
	return out
}

func requireLines(t *testing.T, want, got []string) {
	t.Helper()
	slices.Sort(want)
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

// requireTrimmed checks that only what the views need is stored.
func requireTrimmed(t *testing.T, s *clickhouse.Store, h history) {
	t.Helper()
	var kept []string
	for sku, records := range h.storeSKUs() {
		needed := unresolved(records)
		for i, r := range records {
			if i < 100 || r.Status == schemas.Pending || r.Position == last(records).Position {
				needed = append(needed, r)
			}
		}
		for _, r := range needed {
			kept = append(kept, line(sku, r.Position.LogID, r.Position.Offset))
		}
	}
	slices.Sort(kept)
	requireLines(t, slices.Compact(kept), lines(t, s, "store_sku, log_id, event_offset",
		fmt.Sprintf("push_records WHERE shop_id = %d AND triggered_at > now() - INTERVAL 30 DAY GROUP BY store_sku, log_id, event_offset", h.shop)))
}
