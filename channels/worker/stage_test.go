package worker_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.opentelemetry.io/otel/trace"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/wire"
)

const topics = schemas.Topics("t")

// log is a producer that keeps what it is given and acknowledges at once.
type log struct {
	mu      sync.Mutex
	records []schemas.Record
	states  []*kafka.Record
	letters []*kafka.Record
	// messages are those that the records came in.
	messages []*kafka.Record
	// refuses are the messages that are refused permanently, and not stored.
	refuses func(*kafka.Record) bool
	// claims are the owners' messages beside the states.
	claims []*kafka.Record
	// events are those that the stage published.
	events []*kafka.Record
	// reports are those of Pending pushes and shops.
	reports []schemas.Report
}

func (l *log) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	if l.refuses != nil && l.refuses(r) {
		done(kerr.MessageTooLarge)
		return
	}
	r = &kafka.Record{Topic: r.Topic, Partition: r.Partition, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: r.Headers}
	l.mu.Lock()
	switch r.Topic {
	case topics.Records():
		l.messages = append(l.messages, r)
		_ = wire.DecodeRecordsAndReports(r.Value, func(rec *schemas.Record) error { l.records = append(l.records, *rec); return nil },
			func(report *schemas.Report) error { l.reports = append(l.reports, *report); return nil })
	case topics.State():
		if _, err := schemas.ParseKey(string(r.Key)); err != nil {
			l.claims = append(l.claims, r)
		} else {
			l.states = append(l.states, r)
		}
	case topics.Events():
		l.events = append(l.events, r)
	case topics.DeadLetters():
		l.letters = append(l.letters, r)
	}
	l.mu.Unlock()
	done(nil)
}

// last is the highest-ranked record of each event.
func (l *log) last() map[string]schemas.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := map[string]schemas.Record{}
	for _, r := range l.records {
		if r.Status >= best[r.EventID].Status {
			best[r.EventID] = r
		}
	}
	return best
}

type bench struct {
	t          require.TestingT
	memory     *channeltest.Memory
	log        *log
	assignment *stream.Assignment
	deliver    func([]*kafka.Record)
	stage      *worker.Handler
	registry   *prometheus.Registry
	next       int64
	finish     func()
	// crash ends the stage without a drain.
	crash context.CancelFunc
}

type options struct {
	inheritedBelow int64
	states         []*kafka.Record
	change         func(*channeltest.Settings)
	first          int64
	mark           string
	verify         func(context.Context, schemas.Frontier) error
	pacer          *pacer.Pacer
	log            slog.Handler
	refuses        func(*kafka.Record) bool
	// written are the states that are there to be read again.
	written func() []*kafka.Record
	// recordPartitions are the records topic's, 0 if they are not known.
	recordPartitions int
	// channel is the memory, or one around it; nil is the memory.
	channel channels.Channel
	tracer  trace.Tracer
}

// newBench runs a stage on one partition in the bubble that it is called in.
func newBench(ctx context.Context, t require.TestingT, m *channeltest.Memory, o options) *bench {
	b := &bench{t: t, memory: m, log: &log{refuses: o.refuses}, registry: prometheus.NewRegistry(), next: o.first}
	cfg := channeltest.Defaults()
	cfg.ShopRate, cfg.AppRate = 1000, 1000
	if o.change != nil {
		o.change(&cfg)
	}
	if o.pacer == nil {
		o.pacer = cfg.Pacer()
	}
	o.recordPartitions = cmp.Or(o.recordPartitions, 1)
	if o.channel == nil {
		o.channel = m
	}
	if o.log == nil {
		o.log = slog.DiscardHandler
	}
	stage, err := worker.New(cfg.Config, worker.Deps{
		Channel: o.channel, Producer: b.log, DeadLetters: b.log, Topics: topics, RecordPartitions: o.recordPartitions,
		History: history{channeltest.History{End: o.inheritedBelow, Mark: o.mark, Records: o.states}, o.written}, Verify: o.verify, Pacer: o.pacer, LogID: 1,
		Logger: slog.New(o.log), Metrics: worker.NewMetrics(b.registry), Tracer: o.tracer,
	})
	require.NoError(t, err)
	b.stage = stage
	b.assignment, b.deliver = streamtest.NewAssignment(ctx, topics.Commands(), 0)
	ended := make(chan error, 1)
	running, crash := context.WithCancel(ctx)
	b.crash = crash
	go func() { ended <- b.stage.Run(running, b.assignment) }()
	b.finish = sync.OnceFunc(func() {
		b.deliver(nil)
		require.NoError(t, <-ended)
	})
	return b
}

// metric is the value of a gauge without labels.
func (b *bench) metric(name string) float64 {
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.FailNow(b.t, "no metric "+name)
	return 0
}

func event(sku string, offset, qty int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s@%d", sku, offset), Reason: schemas.SyncOrder, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku},
		ItemID: 10, ModelID: 1 + int64(sku[0]-'a'), Available: qty, OccurredAt: time.Now(), TriggeredAt: time.Now(),
		RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	}
}

func (b *bench) push(events ...schemas.Event) { b.pushQueued(time.Now(), events...) }

func (b *bench) pushQueued(at time.Time, events ...schemas.Event) {
	var batch []*kafka.Record
	for _, e := range events {
		value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: at})
		batch = append(batch, &kafka.Record{Topic: topics.Commands(), Offset: b.next, Key: []byte(e.Key.String()), Value: value})
		b.next++
	}
	b.deliver(batch)
	synctest.Wait()
}

func (b *bench) statusOf(id string) schemas.Status { return b.log.last()[id].Status }

func (b *bench) allResolved() {
	at, ok := b.assignment.Committable()
	require.True(b.t, ok)
	require.Equal(b.t, b.next, at.Offset)
}

func bubble(t *testing.T, test func(t *testing.T)) { t.Helper(); synctest.Test(t, test) }
