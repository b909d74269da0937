package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/schemas"
	"stockpush/sinks"
	"stockpush/sinks/clickhouse"
)

// The pipeline's load: the shape, at a size that a few seconds carry.
const (
	benchEvents     = 5_000_000
	benchSKUs       = 100_000
	benchPartitions = 12
)

// BenchmarkPipeline measures the stages side by side in one run: what a bare
// consumer reads, what the processor compacts (commands and every Skipped record
// acknowledged), what a bare insert of the same rows takes, and what the sink
// takes. It reports ratios; rates of one run on a noisy machine say little else.
func BenchmarkPipeline(b *testing.B) {
	for b.Loop() {
		runPipeline(b)
	}
}

type pipeline struct {
	b      *testing.B
	conn   stream.Connection
	topics schemas.Topics
}

func runPipeline(b *testing.B) {
	p := &pipeline{b: b, topics: schemas.Topics(fmt.Sprintf("bench-%d", time.Now().UnixNano()))}
	kafka := os.Getenv("STOCKPUSH_TEST_KAFKA")
	if kafka == "" {
		kafka = embeddedtest.StartBroker(b).Addr()
	}
	p.conn = stream.Connection{Brokers: []string{kafka}, ClientID: "bench"}
	require.NoError(b, stream.CreateTopics(b.Context(), p.conn, p.topics.Specs(benchPartitions), 1))
	p.produceEvents()
	bare := p.rate(func() int { return p.readAll(p.topics.Events(), benchEvents) })
	compacted := p.profiled("compact", p.compact)
	if os.Getenv("ONLY") != "" {
		b.ReportMetric(bare, "bare-events/s")
		b.ReportMetric(compacted, "compacted-events/s")
		b.ReportMetric(compacted/bare, "compacted/bare")
		return
	}
	server := embeddedtest.StartClickHouse(b)
	store, err := clickhouse.Open(clickhouse.Config{Addr: server.Addr(), Database: "bench", Username: "default"})
	require.NoError(b, err)
	defer func() { _ = store.Close() }()
	_, err = store.Migrate(b.Context())
	require.NoError(b, err)
	inserted := p.rate(func() int { return p.insertBare(store) })
	require.NoError(b, store.Conn().Exec(b.Context(), "TRUNCATE TABLE bench.push_records"))
	sunk := p.rate(func() int { return p.sink(store) })
	b.ReportMetric(bare, "bare-events/s")
	b.ReportMetric(compacted, "compacted-events/s")
	b.ReportMetric(compacted/bare, "compacted/bare")
	b.ReportMetric(inserted, "bare-rows/s")
	b.ReportMetric(sunk, "sunk-rows/s")
	b.ReportMetric(sunk/inserted, "sunk/bare")
}

// rate is how many things a second work did.
func (p *pipeline) rate(work func() int) float64 {
	started := time.Now()
	n := work()
	return float64(n) / time.Since(started).Seconds()
}

// profiled is rate, with a CPU profile of the work where STOCKPUSH_BENCH_PROFILES names a folder.
func (p *pipeline) profiled(name string, work func() int) float64 {
	if dir := os.Getenv("STOCKPUSH_BENCH_PROFILES"); dir != "" {
		file, err := os.Create(filepath.Join(dir, name+".pprof"))
		require.NoError(p.b, err)
		defer func() { _ = file.Close() }()
		require.NoError(p.b, pprof.StartCPUProfile(file))
		defer pprof.StopCPUProfile()
	}
	return p.rate(work)
}

func (p *pipeline) produceEvents() {
	producer, err := stream.NewProducer(p.conn, stream.DefaultBatchBytes)
	require.NoError(p.b, err)
	defer producer.Close()
	pad := strings.Repeat("x", 20)
	for i := range benchEvents {
		sku := (i * 7919) % benchSKUs
		e := schemas.Event{
			EventID: fmt.Sprintf("0190d3b2-7c1e-7a55-%015d", i), Reason: schemas.StockOutSale,
			Key:         schemas.Key{Channel: schemas.ChannelShopee, ShopID: int64(10001 + sku%200), StoreSKU: fmt.Sprintf("SKU-%06d", sku)},
			MerchantSKU: "M-" + pad, ItemID: int64(1000 + sku), ModelID: 7, Available: int64(i % 1000), OccurredAt: time.Now(), RepeatsOffset: schemas.NoOffset,
		}
		r := &stream.Record{Topic: p.topics.Events(), Partition: stream.ByKey, Key: []byte(e.Key.String()), Value: schemas.EncodeEvent(&e)}
		producer.Produce(p.b.Context(), r, func(err error) { require.NoError(p.b, err) })
	}
	require.NoError(p.b, producer.Flush(p.b.Context()))
}

// readAll consumes n messages of a topic and does nothing with them.
func (p *pipeline) readAll(topic string, n int) int {
	client, err := kgo.NewClient(append(p.conn.Options(), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	require.NoError(p.b, err)
	defer client.Close()
	read := 0
	for read < n {
		read += client.PollFetches(p.b.Context()).NumRecords()
	}
	return read
}

// runStage runs a stage until done says that its work is.
func (p *pipeline) runStage(group string, h stream.Handler, done func(resolved int64) bool, topics ...string) {
	counting := &counting{Handler: h}
	stage, err := stream.New(stream.Config{Group: group, Topics: topics, CommitInterval: 100 * time.Millisecond},
		stream.Deps{Connection: p.conn, Handler: counting, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	require.NoError(p.b, err)
	ctx, cancel := context.WithCancel(p.b.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done(counting.resolved()) {
		<-ticker.C
	}
	cancel()
	require.NoError(p.b, <-ended)
}

// compact runs the processor until every event is resolved.
func (p *pipeline) compact() int {
	producer, err := stream.NewProducer(p.conn, stream.DefaultBatchBytes)
	require.NoError(p.b, err)
	defer producer.Close()
	handler, err := processor.New(processor.DefaultConfig(), processor.Deps{
		Producer: producer, DeadLetters: producer, Topics: p.topics, Metrics: processor.NewMetrics(prometheus.NewRegistry()),
		Log: processor.Log{ID: 1, Partitions: benchPartitions, CommandPartitions: benchPartitions},
	})
	require.NoError(p.b, err)
	p.runStage(p.topics.ProcessorGroup(), handler, func(resolved int64) bool { return resolved >= benchEvents }, p.topics.Events())
	return benchEvents
}

// insertBare inserts the rows of the records topic, read before the clock starts
// for none but the first batch, in blocks as the sink makes them.
func (p *pipeline) insertBare(store *clickhouse.Store) int {
	batch, rows := store.NewBatch(), 0
	for partition := range int32(benchPartitions) {
		require.NoError(p.b, stream.ReadPartition(p.b.Context(), p.conn, p.topics.Records(), partition, func(r *stream.Record) error {
			return schemas.DecodeRecords(r.Value, func(rec *schemas.Record) error {
				batch.Add(rec)
				rows++
				if batch.Rows() == 100_000 {
					require.NoError(p.b, batch.Send(p.b.Context()))
					batch.Reset()
				}
				return nil
			})
		}))
	}
	require.NoError(p.b, batch.Send(p.b.Context()))
	return rows
}

// sink runs the recording stage until every row is in ClickHouse.
func (p *pipeline) sink(store *clickhouse.Store) int {
	sink := sinks.New(sinks.Config{BatchRows: 100_000, BatchInterval: time.Second}, sinks.Deps{
		NewBatch: store.NewBatch, Topics: p.topics, Logger: slog.New(slog.DiscardHandler), Metrics: sinks.NewMetrics(prometheus.NewRegistry()),
	})
	ctx, cancel := context.WithCancel(p.b.Context())
	defer cancel()
	go func() { _ = sink.Run(ctx) }() // ends with ctx
	var messages int64
	for partition := range int32(benchPartitions) {
		end, err := stream.EndOffset(p.b.Context(), p.conn, p.topics.Records(), partition)
		require.NoError(p.b, err)
		messages += end
	}
	p.runStage(p.topics.SinkGroup(), sink.Handler(), func(resolved int64) bool { return resolved >= messages }, p.topics.Records())
	var rows uint64
	require.NoError(p.b, store.Conn().QueryRow(p.b.Context(), "SELECT count() FROM bench.push_records FINAL").Scan(&rows))
	require.EqualValues(p.b, benchEvents, rows)
	return benchEvents
}
