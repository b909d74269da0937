package bench

import (
	"testing"
	"time"
)

// waitingSKUs is the number of waiting store SKUs, backlogEvents the size of the backlog.
var waitingSKUs, backlogEvents = scaled(1_000_000), scaled(20_000_000)

// BenchmarkFootprint runs the program with all roles and reports its peak resident memory in MiB:
//   - windows: 1 M store SKUs have an open window;
//   - lanes: 1 M store SKUs wait to be pushed, because the marketplace accepts few calls;
//   - backlog: the program starts with a backlog of 20 M events of 100 k store SKUs.
func BenchmarkFootprint(b *testing.B) {
	b.Run("windows", func(b *testing.B) {
		s := newBacklog(b, waitingSKUs, waitingSKUs, "--processor.window=1h")
		p := s.Serve()
		p.AwaitMetric("stockpush_processor_waiting", float64(waitingSKUs))
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
	b.Run("lanes", func(b *testing.B) {
		s := newBacklog(b, waitingSKUs, waitingSKUs, "--shopee.shop_rate=0.01", "--shopee.app_rate=1")
		p := s.Serve()
		p.AwaitMetric("stockpush_channels_waiting", 0.99*float64(waitingSKUs))
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
	b.Run("backlog", func(b *testing.B) {
		s := newBacklog(b, backlogEvents, 100_000)
		p := s.Serve()
		p.AwaitMetric("stockpush_processor_events_total", float64(backlogEvents))
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
}

// BenchmarkStart reports the time from the program's start until every role serves.
func BenchmarkStart(b *testing.B) {
	s := newProgram(b)
	for b.Loop() {
		began := time.Now()
		p := s.Serve()
		b.ReportMetric(time.Since(began).Seconds(), "ready-s")
		p.Terminate()
	}
}
