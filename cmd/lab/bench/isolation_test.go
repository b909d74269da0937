package bench

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
)

// The load of the isolation benchmark: every store SKU changes once a second.
const (
	isolationShops = 10
	isolationSKUs  = 30
	isolationRuns  = 5
)

// BenchmarkOneShopDark measures how a shop that never answers affects other shops. In turn, all
// shops answer (control) and one hangs (dark), for a minute or STOCKPUSH_BENCH_DARK each. It
// reports
//   - control-p99-ms, dark-p99-ms: time from trigger to finish at the other shops, medians of five
//     runs;
//   - control-spread: the ratio of the largest and the smallest p99 of the control runs;
//   - dark/control: the ratio of the medians.
func BenchmarkOneShopDark(b *testing.B) {
	lasts := time.Minute
	if v := os.Getenv("STOCKPUSH_BENCH_DARK"); v != "" {
		var err error
		lasts, err = time.ParseDuration(v)
		require.NoError(b, err)
	}
	p := newProgram(b, "--shopee.shop_rate=200", "--shopee.app_rate=2000", "--shopee.timeout=2s")
	p.Serve()
	p.steady(5 * time.Second) // warm-up
	var control, dark []float64
	for b.Loop() {
		for range isolationRuns {
			control = append(control, p.p99While(lasts, false))
			dark = append(dark, p.p99While(lasts, true))
		}
	}
	slices.Sort(control)
	slices.Sort(dark)
	b.ReportMetric(control[len(control)/2], "control-p99-ms")
	b.ReportMetric(dark[len(dark)/2], "dark-p99-ms")
	b.ReportMetric(control[len(control)-1]/control[0], "control-spread")
	b.ReportMetric(dark[len(dark)/2]/control[len(control)/2], "dark/control")
	b.ReportMetric(0, "ns/op")
}

// p99While returns the 99th percentile in ms, from trigger to finish, of all shops but the first,
// while the first one hangs or not.
func (p *program) p99While(lasts time.Duration, hangs bool) float64 {
	p.b.Helper()
	if hangs {
		require.NoError(p.b, p.Sandbox.AddFault(sandbox.Fault{ShopID: sandbox.FirstShopID, Kind: "hang"}))
	}
	began := time.Now()
	p.steady(lasts)
	ended := time.Now()
	p.Sandbox.RemoveFaults(0, "")
	embeddedtest.Eventually(p.b, p.store.Conn(), uint64(0), "SELECT sum(pending) FROM stockpush.store_sku_push_status")
	return embeddedtest.One[float64](p.b, p.store.Conn(), fmt.Sprintf(`SELECT quantileExact(0.99)(date_diff('millisecond', triggered_at, finished_at)) + 0.0 FROM stockpush.push_records FINAL
		WHERE shop_id != %d AND status = 'Successfully' AND triggered_at BETWEEN fromUnixTimestamp64Milli(%d) AND fromUnixTimestamp64Milli(%d)`,
		sandbox.FirstShopID, began.UnixMilli(), ended.UnixMilli()))
}

// steady sends one event per store SKU and second, evenly spaced.
func (p *program) steady(lasts time.Duration) {
	p.b.Helper()
	const n = isolationShops * isolationSKUs
	producer, err := kafka.NewProducer(p.Conn(), kafka.DefaultBatchBytes)
	require.NoError(p.b, err)
	defer producer.Close()
	send := traffic.ToTopic(producer, p.Topics)
	ticker := time.NewTicker(time.Second / n)
	defer ticker.Stop()
	for began, i := time.Now(), 0; time.Since(began) < lasts; i++ {
		<-ticker.C
		sku := i / isolationShops % isolationSKUs
		e := event(int64(sandbox.FirstShopID+i%isolationShops), fmt.Sprintf("sku-%d", sku), i)
		e.ItemID, e.ModelID = int64(500+sku/5), int64(1+sku)
		send(p.b.Context(), e, func(err error) { require.NoError(p.b, err) })
	}
	require.NoError(p.b, producer.Flush(p.b.Context()))
}
