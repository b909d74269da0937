package sinks_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/wire"
	"stockpush/sinks"
)

const topics = schemas.Topics("t")

// store records what its batches send and refuses everything while it is down.
type store struct {
	mu      sync.Mutex
	down    bool
	sends   int
	rows    []string
	letters int
	reports int
	// refuses is an event id that the store always refuses.
	refuses string
}

type batch struct {
	store   *store
	records []string
	letters int
	reports int
}

func (b *batch) Add(r *schemas.Record)                { b.records = append(b.records, strings.Clone(r.EventID)) }
func (b *batch) Reject(schemas.DeadLetter, time.Time) { b.letters++ }
func (b *batch) Report(*schemas.Report)               { b.reports++ }
func (b *batch) Rows() int                            { return len(b.records) + b.letters + b.reports }
func (b *batch) Records() int                         { return len(b.records) }
func (b *batch) KeepRecords(n int)                    { b.records = b.records[:n] }
func (b *batch) Reset()                               { b.records, b.letters, b.reports = nil, 0, 0 }
func (b *batch) Send(context.Context) error {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.sends++
	if b.store.down {
		return errors.New("down")
	}
	if b.store.refuses != "" && slices.Contains(b.records, b.store.refuses) {
		return fmt.Errorf("insert: %w", &sinks.RefusedError{Err: errors.New("a constraint")})
	}
	b.store.rows = append(b.store.rows, b.records...)
	b.store.letters += b.letters
	b.store.reports += b.reports
	return nil
}

type letters struct {
	n           int
	first, last *kafka.Record
}

func (l *letters) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	l.n++
	l.first, l.last = cmp.Or(l.first, r), r
	done(nil)
}

type bench struct {
	store *store
	// log has copies of all messages. Those below kept have expired. rereads counts the rereads.
	log        []kafka.Record
	kept       int64
	rereads    int
	letters    *letters
	assignment *stream.Assignment
	deliver    func([]*kafka.Record)
	next       int64
	finish     func()
}

func newBench(t *testing.T, rows int) *bench {
	b := &bench{store: &store{}, letters: &letters{}}
	sink := sinks.New(sinks.Config{BatchRows: rows, BatchInterval: time.Second}, sinks.Deps{
		NewBatch: func() sinks.Batch { return &batch{store: b.store} }, DeadLetters: b.letters, Topics: topics,
		Logger: slog.New(slog.DiscardHandler), Metrics: sinks.NewMetrics(prometheus.NewRegistry()), Reread: b.reread,
	})
	b.assignment, b.deliver = streamtest.NewAssignment(t.Context(), topics.Records(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = sink.Write(ctx) })
	ended := make(chan error, 1)
	go func() { ended <- sink.Run(t.Context(), b.assignment) }()
	b.finish = func() {
		b.deliver(nil)
		require.NoError(t, <-ended)
		cancel()
		work.Wait()
	}
	return b
}

func (b *bench) message(ids ...string) *kafka.Record {
	key := schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "s"}
	value := wire.AppendRecordsHeader(nil, key)
	for i, id := range ids {
		r := schemas.RecordOf(schemas.Event{EventID: id, Key: key, Reason: schemas.PushNow, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: int64(i)}}, schemas.Skipped)
		value = wire.AppendRecord(value, &r)
	}
	b.next++
	b.log = append(b.log, kafka.Record{Topic: topics.Records(), Offset: b.next - 1, Value: value})
	return new(b.log[b.next-1])
}

// reread reads the log like a broker connection that breaks once.
func (b *bench) reread(_ context.Context, of kafka.Span, take func(*kafka.Record) error) error {
	b.rereads++
	from := max(of.From, b.kept)
	for _, to := range []int64{(from + of.To) / 2, of.To} {
		for _, m := range b.log[from:to] {
			if err := take(&m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) committable() int64 { at, _ := b.assignment.Committable(); return at.Offset }

func TestBatchIsSentWhenOldOrFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3)
		b.deliver([]*kafka.Record{b.message("a")})
		pause(900 * time.Millisecond)
		require.Zero(t, b.committable())
		pause(500 * time.Millisecond)
		require.Equal(t, int64(1), b.committable())
		b.deliver([]*kafka.Record{b.message("b"), b.message("c", "d")})
		pause(time.Millisecond)
		require.Equal(t, int64(3), b.committable())
		require.Equal(t, []string{"a", "b", "c", "d"}, b.store.rows)
		b.finish()
	})
}

func TestStoreOutageResolvesNothingAndBoundsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2)
		b.store.down = true
		var delivered atomic.Int64
		go func() {
			for range 50 {
				b.deliver([]*kafka.Record{b.message("x")})
				delivered.Add(1)
			}
		}()
		pause(time.Hour)
		require.Less(t, delivered.Load(), int64(8), "two batches and the handler's messages")
		require.Zero(t, b.committable())
		b.store.mu.Lock()
		b.store.down = false
		b.store.mu.Unlock()
		pause(time.Hour)
		require.Len(t, b.store.rows, 50)
		require.Equal(t, int64(50), b.committable())
		b.finish()
	})
}

func TestMessageBrokenHalfwayIsDeadLetteredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		before, broken := b.message("before"), b.message("half", "gone")
		broken.Value = broken.Value[:len(broken.Value)-3]
		b.deliver([]*kafka.Record{before, broken, b.message("after")})
		pause(2 * time.Second)
		require.Equal(t, []string{"before", "after"}, b.store.rows)
		require.Equal(t, 1, b.letters.n)
		require.Equal(t, int64(3), b.committable())
		b.finish()
	})
}

func TestRefusedRowIsDeadLetteredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		b.store.refuses = "poison"
		b.deliver([]*kafka.Record{b.message("a"), b.message("b", "c"), b.message("d", "poison", "e"), b.message("f"), b.message("g")})
		pause(2 * time.Second)
		slices.Sort(b.store.rows)
		require.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g"}, b.store.rows)
		require.Equal(t, 1, b.letters.n)
		require.Equal(t, schemas.CodeRefusedByStore, string(b.letters.last.Headers[0].Value))
		var ids []string
		require.NoError(t, wire.DecodeRecords(b.letters.last.Value, func(r *schemas.Record) error { ids = append(ids, r.EventID); return nil }))
		require.Equal(t, []string{"poison"}, ids)
		require.Equal(t, int64(5), b.committable())
		b.deliver([]*kafka.Record{b.message("h")})
		pause(2 * time.Second)
		require.Contains(t, b.store.rows, "h")
		require.Equal(t, 1, b.rereads, "only the refused batch is read again")
		b.finish()
	})
}

func TestBisectionWaitsForAnUnavailableStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		b.store.refuses, b.store.down = "poison", true
		b.deliver([]*kafka.Record{b.message("a"), b.message("poison"), b.message("b")})
		pause(time.Hour)
		require.Zero(t, b.committable())
		b.store.mu.Lock()
		b.store.down = false
		b.store.mu.Unlock()
		pause(time.Hour)
		require.Equal(t, []string{"a", "b"}, b.store.rows)
		require.Equal(t, int64(3), b.committable())
		b.finish()
	})
}

func TestDrainWaitsUntilTheStoreHasEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		b.deliver([]*kafka.Record{b.message("a")})
		b.finish()
		require.Equal(t, []string{"a"}, b.store.rows)
		require.Equal(t, int64(1), b.committable())
	})
}

// pause advances the bubble's time and waits until every goroutine is blocked.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestExpiredRefusedMessageBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 4)
		b.store.refuses = "poison"
		b.kept = 1
		b.deliver([]*kafka.Record{b.message("gone"), b.message("poison"), b.message("a")})
		pause(1400 * time.Millisecond)
		require.Equal(t, []string{"a"}, b.store.rows)
		require.Equal(t, int64(3), b.committable())
		b.finish()
	})
}

func TestSinkFailsIfARefusedMessageCannotBeReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("not allowed")
		store := &store{refuses: "poison"}
		sink := sinks.New(sinks.Config{BatchRows: 1, BatchInterval: time.Second}, sinks.Deps{
			NewBatch: func() sinks.Batch { return &batch{store: store} }, Topics: topics,
			Logger: slog.New(slog.DiscardHandler), Metrics: sinks.NewMetrics(prometheus.NewRegistry()),
			Reread: func(context.Context, kafka.Span, func(*kafka.Record) error) error { return refused },
		})
		assignment, deliver := streamtest.NewAssignment(t.Context(), topics.Records(), 0)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- sink.Run(ctx, assignment) }()
		deliver([]*kafka.Record{(&bench{}).message("poison")})
		require.ErrorIs(t, sink.Write(t.Context()), refused)
		require.Equal(t, 1, assignment.Unresolved())
		cancel()
		deliver(nil)
		require.NoError(t, <-ended)
	})
}
