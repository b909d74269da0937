package bench

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/worker"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/service"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
	"stockpush/sinks"
	"stockpush/sinks/clickhouse"
)

const benchBatchRows = 100_000

// benchEvents is the number of events of a load.
var benchEvents = scaled(5_000_000)

// BenchmarkPipeline measures the stages in one run, for each load, and reports ratios, because rates
// alone say little on a shared machine:
//   - bare-events/s: a bare consumer;
//   - compacted/bare: the processor, from the group's first assignment until all commands and
//     Skipped records are acknowledged;
//   - bare-rows/s: a bare insert of the same rows into the same schema, one block built while the
//     previous one is sent; plain-rows/s: the same into a plain table;
//   - sunk/bare: the sink alone, to the last row;
//   - whole/bare: all stages, with a marketplace that answers at once, to the last final row in
//     ClickHouse: events here, rows in the bare insert. whole-rows/bare counts rows on both sides;
//     a pushed event has two.
//
// STOCKPUSH_BENCH_ONLY=compact leaves out ClickHouse, STOCKPUSH_BENCH_ONLY=budgets the plain table.
func BenchmarkPipeline(b *testing.B) {
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) {
			for b.Loop() {
				runPipeline(b, l)
			}
		})
	}
}

type pipeline struct {
	b    *testing.B
	load load
	conn kafka.Connection
	// events is the load's topic; topics are those that this run writes.
	events string
	topics schemas.Topics
	// commands is the number of commands of the whole pipeline.
	commands int64
	// began is when the measured work started.
	began time.Time
}

func runPipeline(b *testing.B, l load) {
	p := &pipeline{b: b, load: l}
	brokers := os.Getenv("STOCKPUSH_TEST_KAFKA")
	if brokers == "" {
		brokers = startBroker(b)
	}
	p.conn = kafka.Connection{Brokers: []string{brokers}, ClientID: "bench"}
	p.fill(brokers)
	bare := p.rate("read", p.asRunDoes(p.readAll))
	p.begin()
	compacted := p.rate("compact", p.asRunDoes(p.compact))
	b.ReportMetric(bare, "bare-events/s")
	b.ReportMetric(compacted, "compacted-events/s")
	b.ReportMetric(compacted/bare, "compacted/bare")
	if os.Getenv("STOCKPUSH_BENCH_ONLY") != "compact" && !p.load.protobuf { // its rows are those of the same events in JSON
		p.measureRows()
	}
	p.end()
}

// asRunDoes runs work with the program's memory limits.
func (p *pipeline) asRunDoes(work func() int) func() int {
	return func() int {
		ctx, cancel := context.WithCancel(p.b.Context())
		ended := make(chan error, 1)
		go func() { ended <- service.BoundMemory(ctx, slog.New(slog.DiscardHandler)) }()
		n := work()
		cancel()
		require.NoError(p.b, <-ended)
		return n
	}
}

// measureRows measures what ends in ClickHouse. Each part starts with empty tables, so that merges
// of earlier parts do not compete.
func (p *pipeline) measureRows() {
	server := embeddedtest.StartClickHouse(p.b)
	store := p.open(server.Addr(), "bench")
	if p.load.even && os.Getenv("STOCKPUSH_BENCH_ONLY") != "budgets" {
		plain := p.openPlain(server.Addr())
		p.b.ReportMetric(p.rate("plain", func() int { return p.insertBare(plain) }), "plain-rows/s")
		require.NoError(p.b, plain.Conn().Exec(p.b.Context(), "DROP DATABASE plain SYNC"))
	}
	inserted := p.rate("insert", func() int { return p.insertBare(store) })
	p.b.ReportMetric(inserted, "bare-rows/s")
	p.truncate(store)
	if p.load.even {
		sunk := p.rate("sink", p.asRunDoes(func() int { return p.sink(store) }))
		p.complete(store, "1")
		p.truncate(store)
		p.b.ReportMetric(sunk, "sunk-rows/s")
		p.b.ReportMetric(sunk/inserted, "sunk/bare")
	}
	p.end()
	p.begin()
	whole := p.rate("whole", p.asRunDoes(func() int { return p.wholeWay(store) }))
	p.complete(store, "status != 'Pending'")
	p.b.ReportMetric(whole, "whole-events/s")
	p.b.ReportMetric(whole/inserted, "whole/bare")
	p.b.ReportMetric(whole/inserted*(1+float64(p.commands)/float64(benchEvents)), "whole-rows/bare")
}

func (p *pipeline) open(addr, database string) *clickhouse.Store {
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{addr}, Database: database, Username: "default"})
	require.NoError(p.b, err)
	p.b.Cleanup(func() { _ = store.Close() })
	if database == "bench" {
		_, err = store.Migrate(p.b.Context())
		require.NoError(p.b, err)
	}
	return store
}

// openPlain creates push_records as a table without feeds.
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

// truncate empties every table of the store.
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

// start runs a stage; stop stops it and waits for it.
func (p *pipeline) start(cfg stream.Config, h stream.Handler) (progress *counting, stop func()) {
	progress = &counting{Handler: h}
	cfg.CommitInterval = 100 * time.Millisecond
	stage, err := stream.New(cfg, stream.Deps{
		Connection: p.conn, Handler: progress, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(p.b, err)
	progress.ready = stage.Ready()
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

func (p *pipeline) producer() *kafka.ClusterProducer {
	producer, err := kafka.NewProducer(p.conn, kafka.DefaultBatchBytes)
	require.NoError(p.b, err)
	return producer
}

// startProcessor runs the compacting stage.
func (p *pipeline) startProcessor(producer kafka.Producer) (*counting, func()) {
	loaded, err := config.Load(config.Source{})
	require.NoError(p.b, err)
	handler, err := processor.New(processor.Config(loaded.Processor), processor.Deps{
		Producer: producer, DeadLetters: producer, Topics: p.topics, Metrics: processor.NewMetrics(prometheus.NewRegistry()),
		Log: processor.EventLog{ID: 1, Partitions: p.load.partitions, CommandPartitions: p.load.partitions},
	})
	require.NoError(p.b, err)
	return p.start(stream.Config{Group: p.topics.ProcessorGroup(), Topics: []string{p.events}}, handler)
}

// compact runs the processor until every event is resolved.
func (p *pipeline) compact() int {
	producer := p.producer()
	defer producer.Close()
	progress, stop := p.startProcessor(producer)
	defer stop()
	<-progress.ready
	p.restart()
	until(func() bool { return progress.resolved() >= int64(benchEvents) })
	return benchEvents
}

// insertBare inserts the rows of the records topic in the sink's blocks. One block is built while
// the previous one is sent.
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
	for partition := range int32(p.load.partitions) {
		require.NoError(p.b, kafka.ReadPartition(p.b.Context(), p.conn, p.topics.Records(), partition, func(r *kafka.Record) error {
			return wire.DecodeRecords(r.Value, func(rec *schemas.Record) error {
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

// startSink runs the recording stage.
func (p *pipeline) startSink(store *clickhouse.Store) (*counting, func()) {
	sink := sinks.New(sinks.Config{BatchRows: benchBatchRows, BatchInterval: time.Second}, sinks.Deps{
		NewBatch: store.NewBatch, Topics: p.topics, Logger: slog.New(slog.DiscardHandler), Metrics: sinks.NewMetrics(prometheus.NewRegistry()),
	})
	ctx, cancel := context.WithCancel(p.b.Context())
	ended := make(chan error, 1)
	go func() { ended <- sink.Write(ctx) }()
	progress, stop := p.start(sinks.StreamConfig(p.topics), sink)
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
	messages := p.count(p.topics.Records())
	until(func() bool { return progress.resolved() >= messages })
	return benchEvents
}

// count returns how many messages a topic has had.
func (p *pipeline) count(topic string) (messages int64) {
	ends, err := kafka.EndOffsets(p.b.Context(), p.conn, topic)
	require.NoError(p.b, err)
	for _, end := range ends {
		messages += end
	}
	return messages
}

// instant is a marketplace that applies every push at once.
type instant struct{ channeltest.Authorized }

func (instant) MaxLines() int { return 50 }

func (instant) Push(_ context.Context, call channels.Call) channels.Answer {
	a := channels.Answer{Calls: 1, Verdicts: make([]channels.Verdict, 0, len(call.Lines))}
	for _, line := range call.Lines {
		a.Verdicts = append(a.Verdicts, channels.Verdict{Outcome: channels.Confirmed, Qty: line.Qty})
	}
	return a
}

func (instant) Read(context.Context, int64, int64) ([]channels.ModelStock, channels.Verdict) {
	return nil, channels.Verdict{Outcome: channels.Confirmed}
}

// wholeWay runs all stages until every event has its final row.
func (p *pipeline) wholeWay(store *clickhouse.Store) int {
	producer := p.producer()
	defer producer.Close()
	cfg := channeltest.Defaults()
	cfg.ShopRate, cfg.AppRate, cfg.BatchLinger = 1e6, 1e6, 0
	compacted, stopProcessor := p.startProcessor(producer)
	defer stopProcessor()
	lanes, err := worker.New(cfg.Config, worker.Deps{
		Channel: instant{}, Pacer: cfg.Pacer(), LogID: 1, Producer: producer, DeadLetters: producer,
		History: worker.Kafka{Connection: p.conn, Topics: p.topics}, Topics: p.topics, RecordPartitions: p.load.partitions,
		Logger: slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(p.b, err)
	pushed, stopLanes := p.start(stream.Config{Group: p.topics.ChannelsGroup(), Topics: []string{p.topics.Commands()}}, lanes)
	defer stopLanes()
	recorded, stopSink := p.startSink(store)
	defer stopSink()
	until(func() bool { return compacted.resolved() >= int64(benchEvents) })
	p.commands = p.count(p.topics.Commands())
	until(func() bool { return pushed.resolved() >= p.commands })
	messages := p.count(p.topics.Records())
	until(func() bool { return recorded.resolved() >= messages })
	return benchEvents
}

// complete checks that every event has exactly one record that matches a condition.
func (p *pipeline) complete(store *clickhouse.Store, where string) {
	var n uint64
	require.NoError(p.b, store.Conn().QueryRow(p.b.Context(), "SELECT count() FROM bench.push_records FINAL WHERE "+where).Scan(&n))
	require.Equal(p.b, uint64(benchEvents), n)
}
