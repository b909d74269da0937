package pushrecords

import (
	"context"
	"time"
)

// maxStats limits the rows of Stats: two months of every hour, reason, status and code.
const maxStats = 100_000

// Stats returns hourly statistics, oldest first. It ignores SKUs; Since is rounded down to the
// hour.
func (r *Reader) Stats(ctx context.Context, f Filter) ([]Stat, error) {
	var w where
	w.filter(f, statColumns)
	w.between("hour", f.Since.Truncate(time.Hour), f.Until)
	return r.stats(ctx, "SELECT hour AS at, status, reason, failure_code, sum(records) AS n, quantilesDDMerge(0.01, 0.5, 0.99)(latency_state) AS latency FROM "+
		r.view("push_stats_hourly"), w)
}

// StatsByMinute returns the same by the minute, counted from the records of the last 30 days; Since
// is rounded down to the minute. It is for short periods: it reads every record of the period.
func (r *Reader) StatsByMinute(ctx context.Context, f Filter) ([]Stat, error) {
	var w where
	w.add("status != 'Pending'")
	w.filter(f, statColumns)
	w.between("triggered_at", f.Since.Truncate(time.Minute), f.Until)
	return r.stats(ctx, "SELECT toStartOfMinute(toDateTime(triggered_at, 'UTC')) AS at, status, reason, failure_code, count() AS n, "+
		"quantilesDD(0.01, 0.5, 0.99)(greatest(dateDiff('millisecond', triggered_at, finished_at), 0)) AS latency FROM "+r.view("push_record_facts")+" FINAL", w)
}

func (r *Reader) stats(ctx context.Context, from string, w where) ([]Stat, error) {
	return rows[Stat](ctx, r, "SELECT at, status, reason, failure_code, n AS records, latency[1] AS p50_ms, latency[2] AS p99_ms FROM ("+
		from+w.String()+" GROUP BY at, status, reason, failure_code) ORDER BY at, status, reason, failure_code LIMIT "+signedText(maxStats)+
		" SETTINGS do_not_merge_across_partitions_select_final = 1", w.args...)
}
