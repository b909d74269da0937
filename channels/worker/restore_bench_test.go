package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

const (
	restoredSKUs       = 1_000_000
	restoredPartitions = 12
)

// restorable is the state of a store SKU that was pushed.
func restorable(i int) schemas.State {
	qty := int64(i % 1000)
	e := schemas.Event{
		EventID: fmt.Sprintf("event-%020d", i), Reason: schemas.SyncOrder, MerchantSKU: fmt.Sprintf("MERCHANT-%07d", i/3),
		Key:    schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10001 + int64(i%100), StoreSKU: fmt.Sprintf("TSHIRT-%07d-RED-L", i)},
		ItemID: int64(i / 10), ModelID: int64(i), Available: qty, OccurredAt: time.Now(), TriggeredAt: time.Now(), RepeatsOffset: schemas.NoOffset,
		Position: schemas.Position{LogID: 1, Partition: int32(i % 12), Offset: int64(i)},
	}
	r := schemas.RecordOf(e, schemas.Successfully)
	r.BeforeQty, r.AfterQty, r.Attempts, r.RequestID, r.QueuedAt, r.FinishedAt = &qty, &qty, 1, fmt.Sprintf("%032d", i), time.Now(), time.Now()
	return schemas.State{Key: e.Key, Newest: e, Sent: e.Position, SentQty: qty, Confirmed: &qty, Finished: r}
}

func fillStates(b *testing.B, conn kafka.Connection) {
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	require.NoError(b, err)
	defer producer.Close()
	for i := range restoredSKUs {
		s := restorable(i)
		producer.Produce(b.Context(), &kafka.Record{
			Topic: topics.State(), Partition: schemas.PartitionFor([]byte(s.Key.Shop().String()), restoredPartitions),
			Key: []byte(s.Key.String()), Value: schemastest.AppendState(nil, &s),
		}, func(err error) { require.NoError(b, err) })
	}
	require.NoError(b, producer.Flush(b.Context()))
}

// How long a worker that gets all partitions takes until it could push, with a
// million store SKUs, and what they cost in memory. The broker runs in the same process.
func BenchmarkRestoreAMillionStoreSKUs(b *testing.B) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(restoredPartitions, topics.State(), topics.Commands(), topics.Records()))
	require.NoError(b, err)
	defer cluster.Close()
	conn := kafka.Connection{Brokers: cluster.ListenAddrs(), ClientID: "bench"}
	fillStates(b, conn)
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	require.NoError(b, err)
	defer producer.Close()
	for b.Loop() {
		before := heap()
		stage, err := worker.New(channeltest.Defaults().Config, worker.Deps{
			Channel: channeltest.NewMemory(nil), Producer: producer, DeadLetters: producer, Topics: topics, RecordPartitions: 1, Pacer: pacer.New(5, 20),
			History: worker.Kafka{Connection: conn, Topics: topics},
			Logger:  slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(prometheus.NewRegistry()),
		})
		require.NoError(b, err)
		began := time.Now()
		restored := restoreAll(b, conn, stage)
		b.ReportMetric(time.Since(began).Seconds(), "s/restore")
		b.ReportMetric(float64(heap()-before)/restoredSKUs, "B/SKU")
		restored()
	}
}

// restoreAll runs a handler for every partition until all have claimed theirs,
// which they do when they have restored; end stops them.
func restoreAll(b *testing.B, conn kafka.Connection, stage *worker.Handler) (end func()) {
	client, err := kgo.NewClient(conn.Options()...)
	require.NoError(b, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	claims := endOffsets(b, admin)
	ctx, cancel := context.WithCancel(b.Context())
	var group errgroup.Group
	for partition := range int32(restoredPartitions) {
		a, _ := streamtest.NewAssignment(ctx, topics.Commands(), partition)
		group.Go(func() error { return stage.Run(ctx, a) })
	}
	for endOffsets(b, admin) < claims+restoredPartitions {
		time.Sleep(20 * time.Millisecond)
	}
	return func() {
		cancel()
		require.NoError(b, group.Wait())
	}
}

func endOffsets(b *testing.B, admin *kadm.Client) (sum int64) {
	ends, err := admin.ListEndOffsets(b.Context(), topics.State())
	require.NoError(b, err)
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
