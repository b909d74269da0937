package worker_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

const (
	waitingSKUs       = 100_000
	waitingShops      = 200
	waitingPartitions = 12
)

// waitingStage is a stage with very many store SKUs that wait, since every shop is paused.
type waitingStage struct {
	stage    *worker.Handler
	deliver  []func([]*kafka.Record)
	ended    sync.WaitGroup
	registry *prometheus.Registry
}

func newWaitingStage(t testing.TB) *waitingStage {
	c := &waitingStage{registry: prometheus.NewRegistry()}
	stage, err := worker.New(channeltest.Defaults().Config, worker.Deps{
		Channel: channeltest.NewMemory(nil), Producer: &log{}, DeadLetters: &log{}, Topics: topics, History: channeltest.History{}, RecordPartitions: 1, Pacer: pacer.New(5, 20),
		Logger: slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(c.registry),
	})
	require.NoError(t, err)
	c.stage = stage
	shops := make([]int64, waitingShops)
	for i := range shops {
		shops[i] = int64(i + 1)
	}
	stage.Pause(shops)
	for p := range int32(waitingPartitions) {
		a, deliver := streamtest.NewAssignment(t.Context(), topics.Commands(), p)
		c.deliver = append(c.deliver, deliver)
		c.ended.Go(func() { require.NoError(t, stage.Run(t.Context(), a)) })
	}
	return c
}

// wait lets n store SKUs wait, from the first one on, in batches as a fetch has them.
func (c *waitingStage) wait(n int) {
	const batch = 500
	for i := 0; i < n; i += batch {
		shop := int64(i/batch%waitingShops + 1)
		c.deliver[shop%waitingPartitions](commands(shop, i, batch))
	}
	for _, deliver := range c.deliver { // taken once this is: it cannot be read, and goes aside
		deliver([]*kafka.Record{{Topic: topics.Commands(), Offset: int64(n), Value: []byte("?")}})
	}
}

// commands are those of n store SKUs of a shop, from one on.
func commands(shop int64, from, n int) []*kafka.Record {
	var records []*kafka.Record
	for j := from; j < from+n; j++ {
		e := event("a", int64(j), 1)
		e.EventID, e.MerchantSKU = fmt.Sprintf("0190d3b2-7c1e-7a55-9d2f-%012d", j), fmt.Sprintf("MERCHANT-%06d", j/4)
		e.Key.ShopID, e.Key.StoreSKU, e.ItemID, e.ModelID = shop, fmt.Sprintf("SKU-%08d", j), int64(1000+j/5), int64(j)
		value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: time.Now()})
		records = append(records, &kafka.Record{Topic: topics.Commands(), Offset: int64(j), Key: []byte(e.Key.String()), Value: value})
	}
	return records
}

func (c *waitingStage) finish() {
	for _, deliver := range c.deliver {
		deliver(nil)
	}
	c.ended.Wait()
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkManyWaiting tells what they add to the heap, and what a command costs while they wait.
func BenchmarkManyWaiting(b *testing.B) {
	var added int64
	for b.Loop() {
		c := newWaitingStage(b)
		before := heapBytes()
		c.wait(waitingSKUs)
		added = heapBytes() - before
		c.finish()
	}
	b.ReportMetric(float64(added)/(1<<20), "MiB-added")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/waitingSKUs, "ns/command")
}
