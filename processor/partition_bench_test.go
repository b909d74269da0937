package processor

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

// instantly acknowledges every message at once.
type instantly struct{}

func (instantly) Produce(_ context.Context, _ *kafka.Record, done func(error)) { done(nil) }

// BenchmarkCompaction measures what an event costs from the fetched batch to the produced messages.
// It reports processor time, which is more reliable than the rate on a shared machine. A window has a
// dozen events.
func BenchmarkCompaction(b *testing.B) {
	b.Run("json", func(b *testing.B) {
		measureCompaction(b, func(e *schemas.Event) kafka.Record { return kafka.Record{Value: stockevent.Encode(e)} })
	})
	b.Run("protobuf", func(b *testing.B) {
		headers := []kafka.Header{{Key: stockevent.HeaderContentType, Value: []byte("application/protobuf")}}
		measureCompaction(b, func(e *schemas.Event) kafka.Record {
			return kafka.Record{Value: schemastest.EncodeProtobuf(e), Headers: headers}
		})
	})
}

const benchBatch = 1000

// benchBatches are the batches of a partition.
func benchBatches(message func(*schemas.Event) kafka.Record) (batches [][]*kafka.Record) {
	const skus, events = 8000, 400_000
	pad := strings.Repeat("x", 20)
	for i := range events {
		sku := i * 7919 % skus
		e := schemas.Event{
			EventID: fmt.Sprintf("0190d3b2-7c1e-7a55-%015d", i), Reason: schemas.StockOutSale,
			Key:         schemas.Key{Channel: schemas.ChannelShopee, ShopID: int64(10001 + sku%200), StoreSKU: fmt.Sprintf("SKU-%06d", sku)},
			MerchantSKU: "M-" + pad, ItemID: int64(1000 + sku), ModelID: 7, Available: int64(i % 1000), OccurredAt: time.Now(), RepeatsOffset: schemas.NoOffset,
		}
		r := message(&e)
		r.Key, r.Offset, r.Timestamp = []byte(e.Key.String()), int64(i), time.Now()
		if i%benchBatch == 0 {
			batches = append(batches, nil)
		}
		last := &batches[len(batches)-1]
		*last = append(*last, &r)
	}
	return batches
}

func measureCompaction(b *testing.B, message func(*schemas.Event) kafka.Record) {
	batches := benchBatches(message)
	a, _ := streamtest.NewAssignment(b.Context(), "events", 0)
	handler, err := New(Config{Window: time.Second, CatchUpWindow: time.Second, MaxBufferedSKUs: 1e6}, Deps{
		Producer: instantly{}, DeadLetters: instantly{}, Topics: "t", Metrics: NewMetrics(prometheus.NewRegistry()),
		Log: EventLog{ID: 1, Partitions: 1, CommandPartitions: 12, RecordPartitions: 12},
	})
	require.NoError(b, err)
	p := newPartition(handler, a)
	b.ReportAllocs()
	before, now := cpu(b), time.Now()
	for i := 0; b.Loop(); i++ {
		p.backlog = batches[i%len(batches)]
		now = now.Add(10 * time.Millisecond)
		require.NoError(b, p.advance(b.Context(), now))
		for p.out.Open() > 0 {
			require.NoError(b, p.out.Handle(b.Context(), <-p.out.Acks()))
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N*benchBatch), "cpu-ns/event")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
