package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels"
	"stockpush/channels/channeltest"
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
	benchBatchRows  = 100_000
)

// BenchmarkPipeline measures the stages side by side in one run and reports
// ratios; rates of one run on a noisy machine say little else:
//   - bare-events/s: what a bare consumer reads;
//   - compacted/bare: what the processor compacts, commands and every Skipped
//     record acknowledged;
//   - bare-rows/s: a bare column-wise insert of the same rows into the same schema,
//     blocks built while the last one is sent; plain-rows/s: into a plain table;
//   - sunk/bare: the sink alone, to the last row;
//   - whole/bare: all stages at once, the events in, a marketplace that answers at
//     once, to the last finished row in ClickHouse.
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
	p := &pipeline{b: b}
	kafka := os.Getenv("STOCKPUSH_TEST_KAFKA")
	if kafka == "" {
		kafka = embeddedtest.StartBroker(b).Addr()
	}
	p.conn = stream.Connection{Brokers: []string{kafka}, ClientID: "bench"}
	p.fillEvents()
	bare := p.rate("read", func() int { return p.readAll(p.topics.Events(), benchEvents) })
	compacted := p.rate("compact", p.compact)
	b.ReportMetric(bare, "bare-events/s")
	b.ReportMetric(compacted, "compacted-events/s")
	b.ReportMetric(compacted/bare, "compacted/bare")
	if os.Getenv("STOCKPUSH_BENCH_ONLY") == "compact" {
		return
	}
	server := embeddedtest.StartClickHouse(b)
	store, plain := p.open(server.Addr(), "bench"), p.openPlain(server.Addr())
	// Each begins on empty tables, so that no merge of an earlier one takes its share.
	intoPlain := p.rate("plain", func() int { return p.insertBare(plain) })
	require.NoError(b, plain.Conn().Exec(b.Context(), "DROP DATABASE plain SYNC"))
	inserted := p.rate("insert", func() int { return p.insertBare(store) })
	p.truncate(store)
	sunk := p.rate("sink", func() int { return p.sink(store) })
	p.complete(store, "1")
	p.truncate(store)
	p.fillEvents()
	whole := p.rate("whole", func() int { return p.wholeWay(store) })
	p.complete(store, "status != 'Pending'")
	b.ReportMetric(inserted, "bare-rows/s")
	b.ReportMetric(intoPlain, "plain-rows/s")
	b.ReportMetric(sunk, "sunk-rows/s")
	b.ReportMetric(sunk/inserted, "sunk/bare")
	b.ReportMetric(whole, "whole-events/s")
	b.ReportMetric(whole/inserted, "whole/bare")
}

func (p *pipeline) open(addr, database string) *clickhouse.Store {
	store, err := clickhouse.Open(clickhouse.Config{Addr: addr, Database: database, Username: "default"})
	require.NoError(p.b, err)
	p.b.Cleanup(func() { _ = store.Close() })
	if database == "bench" {
		_, err = store.Migrate(p.b.Context())
		require.NoError(p.b, err)
	}
	return store
}

// openPlain has push_records as a table that nothing is attached to.
func (p *pipeline) openPlain(addr string) *clickhouse.Store {
	store := p.open(addr, "plain")
	for _, query := range []string{
		"CREATE DATABASE plain",
		"CREATE TABLE plain.push_records AS bench.push_records ENGINE = MergeTree ORDER BY (channel, shop_id, store_sku, log_id, event_offset, event_partition)",
	} {
		require.NoError(p.b, store.Conn().Exec(p.b.Context(), query))
	}
	return store
}

// truncate empties every table of the store but its list of migrations.
func (p *pipeline) truncate(store *clickhouse.Store) {
	rows, err := store.Conn().Query(p.b.Context(), "SELECT name FROM system.tables WHERE database = 'bench' AND engine LIKE '%MergeTree' AND name NOT LIKE '%migration%'")
	require.NoError(p.b, err)
	var names []string
	for rows.Next() {
		var name string
		require.NoError(p.b, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(p.b, rows.Close())
	require.NotEmpty(p.b, names)
	for _, name := range names {
		require.NoError(p.b, store.Conn().Exec(p.b.Context(), "TRUNCATE TABLE bench."+name))
	}
}

// rate is how many things a second work did, with a CPU profile of it where
// STOCKPUSH_BENCH_PROFILES names a folder.
func (p *pipeline) rate(name string, work func() int) float64 {
	if dir := os.Getenv("STOCKPUSH_BENCH_PROFILES"); dir != "" {
		file, err := os.Create(filepath.Join(dir, name+".pprof"))
		require.NoError(p.b, err)
		defer func() { _ = file.Close() }()
		require.NoError(p.b, pprof.StartCPUProfile(file))
		defer pprof.StopCPUProfile()
	}
	started, cpu := time.Now(), cpuTime(p.b)
	n := work()
	p.b.ReportMetric(float64((cpuTime(p.b)-cpu).Nanoseconds())/float64(n), name+"-cpu-ns")
	return float64(n) / time.Since(started).Seconds()
}

// cpuTime is what this process has taken of the processors: unlike a rate, it
// says the same on a machine that others use too.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillEvents makes topics anew and fills the events.
func (p *pipeline) fillEvents() {
	p.topics = schemas.Topics(fmt.Sprintf("bench-%d", time.Now().UnixNano()))
	require.NoError(p.b, stream.CreateTopics(p.b.Context(), p.conn, p.topics.Specs(benchPartitions), 1))
	p.produceEvents()
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

// start runs a stage; stop ends it and waits for it.
func (p *pipeline) start(group string, h stream.Handler, topics ...string) (progress *counting, stop func()) {
	progress = &counting{Handler: h}
	stage, err := stream.New(stream.Config{Group: group, Topics: topics, CommitInterval: 100 * time.Millisecond},
		stream.Deps{Connection: p.conn, Handler: progress, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	require.NoError(p.b, err)
	ctx, cancel := context.WithCancel(p.b.Context())
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	return progress, func() {
		cancel()
		require.NoError(p.b, <-ended)
	}
}

// until waits for a condition.
func until(done func() bool) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		<-ticker.C
	}
}

func (p *pipeline) producer() *stream.KafkaProducer {
	producer, err := stream.NewProducer(p.conn, stream.DefaultBatchBytes)
	require.NoError(p.b, err)
	return producer
}

func (p *pipeline) startProcessor(producer stream.Producer) (*counting, func()) {
	handler, err := processor.New(processor.DefaultConfig(), processor.Deps{
		Producer: producer, DeadLetters: producer, Topics: p.topics, Metrics: processor.NewMetrics(prometheus.NewRegistry()),
		Log: processor.Log{ID: 1, Partitions: benchPartitions, CommandPartitions: benchPartitions},
	})
	require.NoError(p.b, err)
	return p.start(p.topics.ProcessorGroup(), handler, p.topics.Events())
}

// compact runs the processor until every event is resolved.
func (p *pipeline) compact() int {
	producer := p.producer()
	defer producer.Close()
	progress, stop := p.startProcessor(producer)
	defer stop()
	until(func() bool { return progress.resolved() >= benchEvents })
	return benchEvents
}

// insertBare inserts the rows of the records topic in blocks as the sink makes
// them, one being built while the last one is sent.
func (p *pipeline) insertBare(store *clickhouse.Store) int {
	full, empty := make(chan sinks.Batch), make(chan sinks.Batch, 2)
	sent := make(chan int)
	go func() { // ends when full is closed
		rows := 0
		for batch := range full {
			if err := batch.Send(p.b.Context()); err != nil {
				panic(err)
			}
			rows += batch.Rows()
			batch.Reset()
			empty <- batch
		}
		sent <- rows
	}()
	empty <- store.NewBatch()
	batch := store.NewBatch()
	for partition := range int32(benchPartitions) {
		require.NoError(p.b, stream.ReadPartition(p.b.Context(), p.conn, p.topics.Records(), partition, func(r *stream.Record) error {
			return schemas.DecodeRecords(r.Value, func(rec *schemas.Record) error {
				batch.Add(rec)
				if batch.Rows() == benchBatchRows {
					full <- batch
					batch = <-empty
				}
				return nil
			})
		}))
	}
	full <- batch
	close(full)
	return <-sent
}

func (p *pipeline) startSink(store *clickhouse.Store) (*counting, func()) {
	sink := sinks.New(sinks.Config{BatchRows: benchBatchRows, BatchInterval: time.Second}, sinks.Deps{
		NewBatch: store.NewBatch, Topics: p.topics, Logger: slog.New(slog.DiscardHandler), Metrics: sinks.NewMetrics(prometheus.NewRegistry()),
	})
	ctx, cancel := context.WithCancel(p.b.Context())
	ended := make(chan error, 1)
	go func() { ended <- sink.Run(ctx) }()
	progress, stop := p.start(p.topics.SinkGroup(), sink.Handler(), p.topics.Records())
	return progress, func() {
		stop()
		cancel()
		require.NoError(p.b, <-ended)
	}
}

// sink runs the recording stage until every row is in ClickHouse.
func (p *pipeline) sink(store *clickhouse.Store) int {
	progress, stop := p.startSink(store)
	defer stop()
	messages := p.end(p.topics.Records())
	until(func() bool { return progress.resolved() >= messages })
	return benchEvents
}

// end is how many messages a topic has had.
func (p *pipeline) end(topic string) (messages int64) {
	ends, err := stream.EndOffsets(p.b.Context(), p.conn, topic)
	require.NoError(p.b, err)
	for _, end := range ends {
		messages += end
	}
	return messages
}

// wholeWay runs all stages until every event has its last row.
func (p *pipeline) wholeWay(store *clickhouse.Store) int {
	producer := p.producer()
	defer producer.Close()
	cfg := channels.DefaultConfig()
	cfg.ShopRate, cfg.AppRate, cfg.BatchLinger = 1e6, 1e6, 0
	lanes, err := channels.New(cfg, channels.Deps{
		Channel: channeltest.NewMemory(nil), Producer: producer, DeadLetters: producer,
		History: channels.Kafka{Connection: p.conn, Topics: p.topics}, Topics: p.topics,
		Logger: slog.New(slog.DiscardHandler), Metrics: channels.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(p.b, err)
	compacted, stopProcessor := p.startProcessor(producer)
	defer stopProcessor()
	pushed, stopLanes := p.start(p.topics.ChannelsGroup(), lanes, p.topics.Commands())
	defer stopLanes()
	recorded, stopSink := p.startSink(store)
	defer stopSink()
	until(func() bool { return compacted.resolved() >= benchEvents })
	commands := p.end(p.topics.Commands())
	until(func() bool { return pushed.resolved() >= commands })
	messages := p.end(p.topics.Records())
	until(func() bool { return recorded.resolved() >= messages })
	return benchEvents
}

// complete checks that every event has exactly one record that meets a condition.
func (p *pipeline) complete(store *clickhouse.Store, where string) {
	var n uint64
	require.NoError(p.b, store.Conn().QueryRow(p.b.Context(), "SELECT count() FROM bench.push_records FINAL WHERE "+where).Scan(&n))
	require.Equal(p.b, uint64(benchEvents), n)
}
