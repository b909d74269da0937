// Package sinks is the recording stage: it reads records and dead letters and writes them to a
// store in batches.
//
// Rows of all partitions of the process share a batch. A batch is sent when it is full or old
// enough, and its offsets are resolved when the store has it. The package does not know the store,
// which is behind the Batch interface. While the store is down the stage retries with backoff;
// partitions pause, and memory is bounded by two batches.
package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// RefusedError reports that the store will never accept a batch, because of one of its rows.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Batch collects rows for the store. Send may be called again after an error. It copies what
// it is given, because the decoder reuses the record.
type Batch interface {
	Add(r *schemas.Record)
	// Reject adds a dead letter that arrived in our topic at the given time.
	Reject(letter schemas.DeadLetter, at time.Time)
	// Report adds a worker's report. Reports describe the present, so they stay if KeepRecords
	// removes the records of their message.
	Report(r *schemas.Report)
	Rows() int
	// Records is how many rows Add added; KeepRecords truncates them to the first n.
	Records() int
	KeepRecords(n int)
	Send(ctx context.Context) error
	Reset()
}

// Config limits the batches.
type Config struct {
	// BatchRows is sinks.batch_rows: a batch with this many rows is sent at once.
	BatchRows int
	// BatchInterval is sinks.batch_interval, the maximum age of a batch.
	BatchInterval time.Duration
}

// StreamConfig is the stream configuration of the stage's group. Each partition queues one fetched
// batch, because a batch may wait for hours while the store is down.
func StreamConfig(topics schemas.Topics) stream.Config {
	return stream.Config{Group: topics.SinkGroup(), Topics: []string{topics.Records(), topics.DeadLetters()}, MaxQueuedBatches: 1}
}

// Deps are the stage's dependencies.
type Deps struct {
	// NewBatch returns an empty batch of the store.
	NewBatch func() Batch
	// Reread passes the messages of a span to take, in order, in memory of their own. Messages that
	// Kafka has deleted are left out. After a broker outage it may start over from the first
	// message.
	Reread func(ctx context.Context, of kafka.Span, take func(*kafka.Record) error) error
	// DeadLetters publishes records that cannot be read or stored.
	DeadLetters kafka.Producer
	Topics      schemas.Topics
	Logger      *slog.Logger
	Metrics     *Metrics
}

// Sink is the stage's handler for both topics. One batch is filled while the other is sent.
type Sink struct {
	cfg  Config
	deps Deps

	mu   sync.Mutex
	open *pendingBatch
	// emptied is signalled when an empty batch becomes the open one.
	emptied *sync.Cond
	signal  chan struct{}
}

// pendingBatch is a batch with the offsets of its messages, in ascending order. If the store refuses the
// batch, the messages are read again.
type pendingBatch struct {
	batch   Batch
	offsets map[*stream.Assignment][]int64
	since   time.Time
	sent    chan struct{}
}

func newPendingBatch(b Batch) *pendingBatch {
	return &pendingBatch{batch: b, offsets: map[*stream.Assignment][]int64{}, sent: make(chan struct{})}
}

// resolve resolves the offsets after the store has the messages.
func (l *pendingBatch) resolve() {
	for a, offsets := range l.offsets {
		a.Resolve(offsets...)
	}
	close(l.sent)
}

// New returns the stage. Nothing is sent until Write runs.
func New(cfg Config, deps Deps) *Sink {
	s := &Sink{cfg: cfg, deps: deps, open: newPendingBatch(deps.NewBatch()), signal: make(chan struct{}, 1)}
	s.emptied = sync.NewCond(&s.mu)
	return s
}

// Run collects a partition's messages until the partition is revoked, then waits until the store
// has them. It implements stream.Handler.
func (s *Sink) Run(ctx context.Context, a *stream.Assignment) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock() // without the lock, a collector between its check of ctx and its wait would miss the broadcast
		defer s.mu.Unlock()
		s.emptied.Broadcast()
	})
	defer stop()
	var last *pendingBatch
	for batch := range a.Batches() {
		if last = s.collect(ctx, a, batch.Records); last == nil {
			return nil
		}
	}
	if last == nil {
		return nil
	}
	s.requestFlush()
	select {
	case <-ctx.Done():
	case <-last.sent:
	}
	return nil
}

func (s *Sink) requestFlush() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// collect adds messages to the open batch. It returns nil if ctx ends while it waits for room.
func (s *Sink) collect(ctx context.Context, a *stream.Assignment, messages []*kafka.Record) *pendingBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		for s.open.batch.Rows() >= s.cfg.BatchRows {
			if ctx.Err() != nil {
				return nil
			}
			s.requestFlush()
			s.emptied.Wait()
		}
		if s.open.batch.Rows() == 0 {
			s.open.since = time.Now()
		}
		if s.take(ctx, a, m) {
			s.open.offsets[a] = append(s.open.offsets[a], m.Offset)
		}
	}
	if s.open.batch.Rows() >= s.cfg.BatchRows {
		s.requestFlush()
	}
	s.deps.Metrics.waiting.Set(float64(s.open.batch.Rows()))
	return s.open
}

// take adds one message's rows and reports whether the batch resolves the message.
func (s *Sink) take(ctx context.Context, a *stream.Assignment, m *kafka.Record) bool {
	before := s.open.batch.Records()
	var err error
	panicked := stream.Guard(func() { err = s.add(s.open.batch, m) })
	if err == nil && panicked == nil {
		return true
	}
	s.open.batch.KeepRecords(before) // a message that fails halfway adds nothing
	bad := schemas.BadEvent{Code: schemas.CodeUnreadable, Message: fmt.Sprint(err)}
	if panicked != nil {
		bad = schemas.BadEvent{Code: schemas.CodePanicked, Message: panicked.Error()}
	}
	offset := m.Offset
	s.deadLetter(ctx, m, bad, func(err error) {
		if err == nil {
			a.Resolve(offset)
		}
	})
	return false
}

// add adds a message's rows to a batch.
func (s *Sink) add(b Batch, m *kafka.Record) error {
	if m.Topic == s.deps.Topics.DeadLetters() {
		addDeadLetter(b, m)
		return nil
	}
	return wire.DecodeRecordsAndReports(m.Value,
		func(r *schemas.Record) error { b.Add(r); return nil },
		func(r *schemas.Report) error { b.Report(r); return nil })
}

func addDeadLetter(b Batch, m *kafka.Record) {
	letter := schemas.DeadLetter{Key: m.Key, Value: m.Value}
	var err error
	for _, h := range m.Headers {
		err = errors.Join(err, letter.TakeHeader(h.Key, string(h.Value)))
	}
	if err != nil || letter.SourceTopic == "" {
		// Not one of our dead letters: record it with its own position.
		letter = schemas.DeadLetter{Key: m.Key, Value: m.Value, SourceTopic: m.Topic, SourcePartition: m.Partition, SourceOffset: m.Offset}
		letter.Code, letter.Message = "unknown", "not a dead letter of stockpush"
	}
	b.Reject(letter, schemas.TimestampOr(m.Timestamp, time.Now()))
}

// Write sends batches until ctx ends. It fails if messages of a refused batch cannot be read again.
// The partitions' next owner reads again what is not sent.
func (s *Sink) Write(ctx context.Context) error {
	empty := s.deps.NewBatch()
	ticker := time.NewTicker(max(s.cfg.BatchInterval/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.signal:
		case <-ticker.C:
			if !s.isDue(time.Now()) {
				continue
			}
		}
		full := s.exchange(empty)
		if err := s.send(ctx, full); err != nil {
			if ctx.Err() == nil {
				return err
			}
			return nil
		}
		full.resolve()
		full.batch.Reset()
		empty = full.batch
	}
}

func (s *Sink) isDue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.open.batch.Rows()
	return rows >= s.cfg.BatchRows || rows > 0 && now.Sub(s.open.since) >= s.cfg.BatchInterval
}

// exchange makes an empty batch the open one, and returns the one before.
func (s *Sink) exchange(empty Batch) (full *pendingBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, s.open = s.open, newPendingBatch(empty)
	s.deps.Metrics.waiting.Set(0)
	s.emptied.Broadcast()
	return full
}

// send retries until the store has the batch or ctx ends. It bisects a batch that the store
// refuses.
func (s *Sink) send(ctx context.Context, full *pendingBatch) error {
	if full.batch.Rows() == 0 {
		return nil
	}
	started := time.Now()
	err := s.try(ctx, full.batch)
	if _, refused := errors.AsType[*RefusedError](err); refused {
		s.deps.Logger.Warn("batch refused, bisecting it", "rows", full.batch.Rows(), "error", err)
		err = s.bisectBatch(ctx, full)
	}
	if err != nil {
		return fmt.Errorf("send a batch: %w", err)
	}
	s.deps.Metrics.sent(full.batch.Rows(), time.Since(started))
	return nil
}

// try sends a batch with backoff until the store has it, refuses it, or ctx ends.
func (s *Sink) try(ctx context.Context, b Batch) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := b.Send(ctx)
		if _, refused := errors.AsType[*RefusedError](err); refused {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	},
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			s.deps.Metrics.retries.Inc()
			s.deps.Logger.Warn("batch write failed, retrying", "rows", b.Rows(), "wait", wait, "error", err)
		}))
	return err
}
