package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/traffic"
	"stockpush/schemas"
)

const (
	latencyProbes = 200
	latencyGap    = 47 * time.Millisecond
	latencyShop   = 10010
)

// BenchmarkLatency measures how long a lone event takes from the call that
// produces it to the marketplace's receipt of it, beyond the window and the batch
// linger that it waits for on purpose: in an otherwise idle system, and beside
// 20,000 events a second of 200 other store SKUs. Everything runs: all roles, the
// broker, ClickHouse, the sandbox over HTTP. Beside it stands what the same way takes
// without us.
func BenchmarkLatency(b *testing.B) {
	b.Run("bare", measureBareLatency)
	b.Run("idle", func(b *testing.B) { measureLatency(b, 0) })
	b.Run("20000-a-second", func(b *testing.B) { measureLatency(b, 20_000) })
}

func measureLatency(b *testing.B, rate float64) {
	s := newSystem(b, func(c *config.Config) {
		c.Processor.Window, c.Sinks.BatchInterval, c.Kafka.Partitions = time.Second, time.Second, 12
		c.Shopee.ShopRate, c.Shopee.AppRate = 1000, 10_000
	})
	stop := s.drive(rate)
	for b.Loop() {
		inserts, began := s.inserts(), time.Now()
		waits := s.probe()
		b.ReportMetric(float64(s.inserts()-inserts)/time.Since(began).Seconds(), "inserts/s")
		for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
			b.ReportMetric(waits[int(share*float64(len(waits)-1))].Seconds()*1000, name)
		}
	}
	stop()
}

// inserts is how many ClickHouse has taken.
func (s *system) inserts() uint64 {
	return one[uint64](s, "SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")
}

// drive makes traffic until it is stopped.
func (s *system) drive(rate float64) (stop func()) {
	if rate == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := traffic.Drive(ctx, traffic.New(traffic.Shape{SKUs: 200, Shops: 5, Seed: 1}), traffic.Pace{Rate: rate}, traffic.ToTopic(s.producer, s.topics))
		ended <- err
	}()
	return func() { cancel(); require.NoError(s.t, <-ended) }
}

// probe sends lone events one after the other, and returns their waits in ascending order.
func (s *system) probe() []time.Duration {
	sent := make([]time.Time, latencyProbes)
	for i := range sent {
		e := event(latencyShop, fmt.Sprintf("probe-%d-%d", i, time.Now().UnixNano()), i)
		e.ItemID, e.Available = int64(1000+i), int64(i)
		sent[i] = time.Now()
		s.sendRaw([]byte(e.Key.String()), schemas.EncodeEvent(&e))
		<-time.After(latencyGap)
	}
	deadline := time.Now().Add(45 * time.Second)
	for len(s.sandbox.Calls(latencyShop)) < latencyProbes {
		require.True(s.t, time.Now().Before(deadline), "not every probe arrived")
		<-time.After(50 * time.Millisecond)
	}
	var waits []time.Duration
	for _, call := range s.sandbox.Calls(latencyShop)[:latencyProbes] {
		waits = append(waits, call.ReceivedAt.Sub(sent[call.ItemID-1000])-s.cfg.Processor.Window-s.cfg.Shopee.BatchLinger)
	}
	slices.Sort(waits)
	return waits
}
