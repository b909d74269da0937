package channels_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

const (
	waitingSKUs       = 100_000
	waitingShops      = 200
	waitingPartitions = 12
	// maxWaitingBytes bounds what they add to the heap.
	maxWaitingBytes = 36 << 20
)

// crowd is a stage with very many store SKUs that wait, since every shop is paused.
type crowd struct {
	stage    *channels.Stage
	deliver  []func([]*stream.Record)
	ended    sync.WaitGroup
	registry *prometheus.Registry
}

func newCrowd(t testing.TB) *crowd {
	c := &crowd{registry: prometheus.NewRegistry()}
	stage, err := channels.New(channels.DefaultConfig(), channels.Deps{
		Channel: channeltest.NewMemory(nil), Producer: &log{}, DeadLetters: &log{}, Topics: topics, History: channeltest.History{},
		Logger: slog.New(slog.DiscardHandler), Metrics: channels.NewMetrics(c.registry),
	})
	require.NoError(t, err)
	c.stage = stage
	shops := make([]int64, waitingShops)
	for i := range shops {
		shops[i] = int64(i + 1)
	}
	stage.Pause(shops)
	for p := range int32(waitingPartitions) {
		a, deliver := stream.NewTestAssignment(t.Context(), topics.Commands(), p)
		c.deliver = append(c.deliver, deliver)
		c.ended.Go(func() { require.NoError(t, stage.Run(t.Context(), a)) })
	}
	return c
}

// wait lets n store SKUs wait, from the first one on, in batches as a fetch has them.
func (c *crowd) wait(n int) {
	const batch = 500
	for i := 0; i < n; i += batch {
		shop := int64(i/batch%waitingShops + 1)
		c.deliver[shop%waitingPartitions](commands(shop, i, batch))
	}
	for _, deliver := range c.deliver { // taken once this is: it cannot be read, and goes aside
		deliver([]*stream.Record{{Topic: topics.Commands(), Offset: int64(n), Value: []byte("?")}})
	}
}

// commands are those of n store SKUs of a shop, from one on.
func commands(shop int64, from, n int) []*stream.Record {
	var records []*stream.Record
	for j := from; j < from+n; j++ {
		e := event("a", int64(j), 1)
		e.EventID, e.MerchantSKU = fmt.Sprintf("0190d3b2-7c1e-7a55-9d2f-%012d", j), fmt.Sprintf("MERCHANT-%06d", j/4)
		e.Key.ShopID, e.Key.StoreSKU, e.ItemID, e.ModelID = shop, fmt.Sprintf("SKU-%08d", j), int64(1000+j/5), int64(j)
		value := schemas.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: time.Now()})
		records = append(records, &stream.Record{Topic: topics.Commands(), Offset: int64(j), Key: []byte(e.Key.String()), Value: value})
	}
	return records
}

func (c *crowd) finish() {
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

func TestManyWaitingStoreSKUsTakeLittleMemory(t *testing.T) {
	c := newCrowd(t)
	before := heapBytes()
	c.wait(waitingSKUs)
	added := heapBytes() - before
	t.Logf("%d waiting store SKUs of %d shops add %.1f MiB, %d bytes each", waitingSKUs, waitingShops, float64(added)/(1<<20), added/waitingSKUs)
	require.Less(t, added, int64(maxWaitingBytes))
	c.finish()
}

// maxKnownBytes is what a store SKU may cost that was pushed once, of which its key
// and its last record, packed, are some 240.
const maxKnownBytes = 340

func TestKnownStoreSKUsTakeLittleMemory(t *testing.T) {
	const known = 50_000
	states := make([]*stream.Record, known)
	for i := range states {
		s := restorable(i)
		states[i] = &stream.Record{Key: []byte(s.Key.String()), Value: schemas.AppendState(nil, &s)}
	}
	before := heapBytes()
	stage, err := channels.New(channels.DefaultConfig(), channels.Deps{
		Channel: channeltest.NewMemory(nil), Producer: &log{}, DeadLetters: &log{}, Topics: topics, History: channeltest.History{Records: states},
		Logger: slog.New(slog.DiscardHandler), Metrics: channels.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	a, deliver := stream.NewTestAssignment(t.Context(), topics.Commands(), 0)
	ended := make(chan error)
	go func() { ended <- stage.Run(t.Context(), a) }()
	deliver([]*stream.Record{{Topic: topics.Commands(), Value: []byte("?")}}) // taken once all are known
	each := (heapBytes() - before) / known
	t.Logf("%d bytes for each known store SKU", each)
	require.Less(t, each, int64(maxKnownBytes))
	deliver(nil)
	require.NoError(t, <-ended)
	runtime.KeepAlive(states)
}

// confirming is a marketplace that takes everything at once, and keeps nothing.
type confirming struct{ channeltest.Authorized }

func (confirming) MaxLines() int { return 50 }

func (confirming) Push(_ context.Context, call channels.Call) channels.Answer {
	a := channels.Answer{Calls: 1}
	for _, line := range call.Lines {
		a.Verdicts = append(a.Verdicts, channels.Verdict{Outcome: channels.Confirmed, Qty: line.Qty})
	}
	return a
}

func (confirming) Read(context.Context, int64, int64) ([]channels.ModelStock, channels.Verdict) {
	return nil, channels.Verdict{Outcome: channels.Confirmed}
}

// forgetting is a producer that acknowledges at once, and keeps nothing.
type forgetting struct{}

func (forgetting) Produce(_ context.Context, _ *stream.Record, done func(error)) { done(nil) }

func TestStoreSKUsThatWerePushedTakeLittleMemoryAfterAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const pushed = 30_000
		cfg := channels.DefaultConfig()
		cfg.ShopRate, cfg.AppRate = 1e6, 1e6
		stage, err := channels.New(cfg, channels.Deps{
			Channel: confirming{}, Producer: forgetting{}, DeadLetters: &log{}, Topics: topics, History: channeltest.History{},
			Logger: slog.New(slog.DiscardHandler), Metrics: channels.NewMetrics(prometheus.NewRegistry()),
		})
		require.NoError(t, err)
		a, deliver := stream.NewTestAssignment(t.Context(), topics.Commands(), 0)
		ended := make(chan error)
		go func() { ended <- stage.Run(t.Context(), a) }()
		synctest.Wait()
		before := heapBytes()
		for i := range pushed / 50 {
			deliver(commands(1, 50*i, 50))
		}
		pause(time.Minute)
		at, _ := a.Committable()
		require.Equal(t, int64(pushed), at)
		each := (heapBytes() - before) / pushed
		t.Logf("%d bytes for each store SKU that was pushed", each)
		require.Less(t, each, int64(maxKnownBytes))
		deliver(nil)
		require.NoError(t, <-ended)
	})
}

// BenchmarkManyWaiting tells what they add to the heap, and what a command costs while they wait.
func BenchmarkManyWaiting(b *testing.B) {
	var added int64
	for b.Loop() {
		c := newCrowd(b)
		before := heapBytes()
		c.wait(waitingSKUs)
		added = heapBytes() - before
		c.finish()
	}
	b.ReportMetric(float64(added)/(1<<20), "MiB-added")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/waitingSKUs, "ns/command")
}
