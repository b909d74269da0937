package processor_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
	"stockpush/schemas/wire"
)

const topics = schemas.Topics("t")

// broker is a producer whose acknowledgements the test holds back at will.
type broker struct {
	mu      sync.Mutex
	holding bool
	failure error
	// refuses says which messages are refused.
	refuses func(*kafka.Record) bool
	held    []func(error)
	// messages are what was produced, as it was when it was acknowledged.
	messages []*kafka.Record
}

func (b *broker) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != nil && b.refuses(r) {
		go done(fmt.Errorf("produce: %w", kerr.MessageTooLarge))
		return
	}
	n := len(b.messages)
	b.messages = append(b.messages, r)
	acknowledge := func(err error) {
		b.mu.Lock()
		b.messages[n] = &kafka.Record{Topic: r.Topic, Partition: r.Partition, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: r.Headers}
		b.mu.Unlock()
		done(err)
	}
	if b.holding {
		b.held = append(b.held, acknowledge)
		return
	}
	go acknowledge(b.failure)
}

func (b *broker) hold() { b.mu.Lock(); defer b.mu.Unlock(); b.holding = true }

// release acknowledges the n-th message that is held back.
func (b *broker) release(n int) { b.held[n](nil); synctest.Wait() }

// sent is what was produced so far.
type sent struct {
	commands []schemas.Command
	records  []schemas.Record
	letters  []*kafka.Record
}

func (b *broker) sent() (s sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.messages {
		switch r.Topic {
		case topics.Commands():
			c, err := wire.DecodeCommand(bytes.Clone(r.Value))
			if err == nil {
				s.commands = append(s.commands, c.Command)
			}
		case topics.Records():
			_ = wire.DecodeRecords(bytes.Clone(r.Value), func(rec *schemas.Record) error { s.records = append(s.records, *rec); return nil })
		case topics.DeadLetters():
			s.letters = append(s.letters, r)
		}
	}
	return s
}

type bench struct {
	t          *testing.T
	broker     *broker
	assignment *stream.Assignment
	deliver    func([]*kafka.Record)
	next       int64
	ended      chan error
	traces     bool
	// logger may be nil.
	logger *slog.Logger
}

func newBench(t *testing.T, change func(*processor.Config)) *bench {
	return newBenchOn(t, processor.EventLog{ID: 1, Partitions: 1, CommandPartitions: 4}, nil, change)
}

func newBenchOn(t *testing.T, log processor.EventLog, verify func(context.Context) error, change func(*processor.Config)) *bench {
	b := &bench{t: t, broker: &broker{}, ended: make(chan error, 1)}
	b.start(log, verify, change)
	return b
}

// newTracedBench is newBench with tracing.
func newTracedBench(t *testing.T) *bench {
	b := &bench{t: t, broker: &broker{}, ended: make(chan error, 1), traces: true}
	b.start(processor.EventLog{ID: 1, Partitions: 1, CommandPartitions: 4}, nil, nil)
	return b
}

func (b *bench) start(log processor.EventLog, verify func(context.Context) error, change func(*processor.Config)) {
	p := b.processor(log, verify, change)
	b.assignment, b.deliver = streamtest.NewAssignment(b.t.Context(), topics.Events(), 0)
	go func() { b.ended <- p.Run(b.t.Context(), b.assignment) }()
}

func (b *bench) processor(log processor.EventLog, verify func(context.Context) error, change func(*processor.Config)) *processor.Processor {
	cfg := processor.Config{Window: time.Second, CatchUpWindow: 10 * time.Second, MaxBufferedSKUs: 1000}
	if change != nil {
		change(&cfg)
	}
	p, err := processor.New(cfg, processor.Deps{
		Producer: b.broker, DeadLetters: b.broker, Topics: topics, Metrics: processor.NewMetrics(prometheus.NewRegistry()),
		Log: log, Verify: verify, Traces: b.traces, Logger: b.logger,
	})
	require.NoError(b.t, err)
	return p
}

func (b *bench) finish() { b.deliver(nil); require.NoError(b.t, <-b.ended) }

func (b *bench) committable() int64 { at, _ := b.assignment.Committable(); return at.Offset }

func event(sku string, qty int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s=%d", sku, qty), Reason: schemas.StockCount, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku},
		ItemID: 1, Available: qty, OccurredAt: time.Now().UTC(), RepeatsOffset: schemas.NoOffset,
	}
}

func (b *bench) send(events ...schemas.Event) {
	b.deliver(b.batch(events))
	synctest.Wait()
}

func (b *bench) batch(events []schemas.Event) (batch []*kafka.Record) {
	for _, e := range events {
		batch = append(batch, b.message([]byte(e.Key.String()), stockevent.Encode(&e)))
	}
	return batch
}

func (b *bench) message(key, value []byte) *kafka.Record {
	r := &kafka.Record{Topic: topics.Events(), Key: key, Value: value, Offset: b.next, Timestamp: time.Now()}
	b.next++
	return r
}

// inOrder sorts records by their events' offsets.
func inOrder(records []schemas.Record) []schemas.Record {
	slices.SortFunc(records, func(a, b schemas.Record) int { return cmp.Compare(a.Position.Offset, b.Position.Offset) })
	return records
}

func (b *broker) headersOf(letter int) map[string]string {
	headers := map[string]string{}
	for _, h := range b.sent().letters[letter].Headers {
		headers[h.Key] = string(h.Value)
	}
	return headers
}

// pause lets time pass, and waits until every goroutine is blocked.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
