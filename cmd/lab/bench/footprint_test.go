package bench

import (
	"testing"
	"time"
)

// BenchmarkFootprint runs the program itself, all roles, and reports the most
// memory that it had resident, in MiB:
//   - windows: 1 M store SKUs wait for their windows to close;
//   - lanes: 1 M store SKUs wait to be pushed, since the marketplace takes few calls;
//   - backlog: 20 M events of 100 k store SKUs wait when it starts.
func BenchmarkFootprint(b *testing.B) {
	b.Run("windows", func(b *testing.B) {
		s := newBacklog(b, 1_000_000, 1_000_000, "--processor.window=1h")
		p := s.Serve()
		p.AwaitMetric("stockpush_processor_waiting", 1_000_000)
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
	b.Run("lanes", func(b *testing.B) {
		s := newBacklog(b, 1_000_000, 1_000_000, "--shopee.shop_rate=0.01", "--shopee.app_rate=1")
		p := s.Serve()
		p.AwaitMetric("stockpush_channels_waiting", 990_000)
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
	b.Run("backlog", func(b *testing.B) {
		s := newBacklog(b, 20_000_000, 100_000)
		p := s.Serve()
		p.AwaitMetric("stockpush_processor_events_total", 20_000_000)
		b.ReportMetric(p.PeakMiB(), "peak-MiB")
	})
}

// BenchmarkStart reports how long the program takes from its start to the line
// that says that every role serves.
func BenchmarkStart(b *testing.B) {
	s := newProgram(b)
	for b.Loop() {
		began := time.Now()
		p := s.Serve()
		b.ReportMetric(time.Since(began).Seconds(), "ready-s")
		p.Terminate()
	}
}
