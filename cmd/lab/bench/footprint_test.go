package bench

import (
	"testing"
	"time"
)

// waitingSKUs are the store SKUs that wait, backlogEvents the events that are behind.
var waitingSKUs, backlogEvents = scaled(1_000_000), scaled(20_000_000)

// BenchmarkFootprint runs the program itself, all roles, and reports the most
// memory that it had resident, in MiB:
//   - windows: 1 M store SKUs wait for their windows to close;
//   - lanes: 1 M store SKUs wait to be pushed, since the marketplace takes few calls;
//   - backlog: 20 M events of 100 k store SKUs wait when it starts.
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
