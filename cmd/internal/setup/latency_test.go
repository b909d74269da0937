package setup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

// A shop's percentile is that of its records, whatever hours, reasons and parts they are in, also
// after repetitions and a freeze. The mean of the hours' percentiles is far from it.
func TestPercentilesOfSeveralHoursAreThoseOfTheirRecords(t *testing.T) {
	s := newStore(t)
	const slow = 20 * time.Second
	days := []time.Time{now.Truncate(24 * time.Hour).Add(-24 * time.Hour), now.Truncate(24 * time.Hour).Add(-12 * 24 * time.Hour)}
	var records []schemas.Record
	for n, day := range days {
		for i := range int64(1000) {
			r := record("sku", int64(n)*1000+i+1, schemas.Successfully)
			r.Reason, r.TriggeredAt = schemas.Reason(1+i%3), day.Add(time.Duration(i%20)*time.Hour)
			r.FinishedAt = r.TriggeredAt.Add(time.Second)
			if r.TriggeredAt.Hour() == 7 && i%60 < 20 {
				r.FinishedAt = r.TriggeredAt.Add(slow)
			}
			records = append(records, r)
		}
	}
	insert(t, s, records[:1500]...)
	insert(t, s, records[700:]...)
	right := func(from, percentiles string) string {
		return text(t, s, "SELECT toString(groupArray(abs("+percentiles+"[1] / 1000 - 1) <= 0.01 AND abs("+percentiles+"[2] / 20000 - 1) <= 0.01)) FROM ("+from+")")
	}
	const merged = "SELECT quantilesDDMerge(0.01, 0.5, 0.99)(latency_state) AS latency FROM d.push_stats_hourly WHERE status = 'Successfully'"
	for range 2 {
		require.Equal(t, "[1]", right(merged+" AND shop_id = 10001", "latency"))
		require.Equal(t, "[1,1]", right("SELECT * FROM d.push_stats_daily", "[p50_ms, p99_ms]"))
		require.Equal(t, "1", text(t, s, "SELECT toString(avg(p99_ms) < 5000) FROM d.push_stats_hourly"))
		require.NoError(t, s.Freeze(t.Context()))
	}
	require.NotEqual(t, "0", text(t, s, "SELECT toString(count()) FROM d.push_stats_frozen"))
}
