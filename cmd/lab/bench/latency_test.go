package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
)

const (
	latencyProbes = 200
	latencyGap    = 47 * time.Millisecond
	latencyShop   = 10010
	latencyWindow = time.Second
	latencyLinger = 20 * time.Millisecond
)

// BenchmarkLatency measures the time from producing a single event until the marketplace receives
// it, minus the window and the batch linger: in an idle system, and beside 20,000 events/s of 200
// other store SKUs. All roles, the broker, ClickHouse and the sandbox (over HTTP) run. It also
// measures the same way without stockpush.
func BenchmarkLatency(b *testing.B) {
	b.Run("bare", measureBareLatency)
	b.Run("idle", func(b *testing.B) { measureLatency(b, 0) })
	b.Run("20000-a-second", func(b *testing.B) { measureLatency(b, 20_000) })
}

func measureLatency(b *testing.B, rate float64) {
	p := newProgram(b, "--processor.window="+latencyWindow.String(), "--shopee.batch_linger="+latencyLinger.String(), "--shopee.shop_rate=1000", "--shopee.app_rate=10000")
	p.Serve()
	producer, err := kafka.NewProducer(p.Conn(), kafka.DefaultBatchBytes)
	require.NoError(b, err)
	defer producer.Close()
	send := traffic.ToTopic(producer, p.Topics)
	stop := p.drive(rate, send)
	for b.Loop() {
		inserts, began := p.inserts(), time.Now()
		waits := p.probe(send)
		b.ReportMetric(float64(p.inserts()-inserts)/time.Since(began).Seconds(), "inserts/s")
		for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
			b.ReportMetric(waits[int(share*float64(len(waits)-1))].Seconds()*1000, name)
		}
	}
	stop()
}

// inserts returns how many inserts ClickHouse has executed.
func (p *program) inserts() uint64 {
	return embeddedtest.One[uint64](p.b, p.store.Conn(), "SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")
}

// drive generates traffic until it is stopped.
func (p *program) drive(rate float64, send traffic.Send) (stop func()) {
	if rate == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(p.b.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := traffic.Drive(ctx, traffic.New(traffic.Shape{SKUs: 200, Shops: 5, Seed: 1}), traffic.Pace{Rate: rate}, send)
		ended <- err
	}()
	return func() { cancel(); require.NoError(p.b, <-ended) }
}

// probe sends single events one after the other and returns their delays in ascending order.
func (p *program) probe(send traffic.Send) []time.Duration {
	sent := make([]time.Time, latencyProbes)
	for i := range sent {
		e := event(latencyShop, fmt.Sprintf("probe-%d-%d", i, time.Now().UnixNano()), i)
		e.ItemID = int64(1000 + i)
		sent[i] = time.Now()
		send(p.b.Context(), e, func(err error) { require.NoError(p.b, err) })
		<-time.After(latencyGap)
	}
	deadline := time.Now().Add(45 * time.Second)
	for len(p.Sandbox.Calls(latencyShop)) < latencyProbes {
		require.True(p.b, time.Now().Before(deadline), "not every probe arrived")
		<-time.After(50 * time.Millisecond)
	}
	var waits []time.Duration
	for _, call := range p.Sandbox.Calls(latencyShop)[:latencyProbes] {
		waits = append(waits, call.ReceivedAt.Sub(sent[call.ItemID-1000])-latencyWindow-latencyLinger)
	}
	slices.Sort(waits)
	return waits
}
