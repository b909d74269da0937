// Package sinks is the recording stage: it reads records and dead letters and
// writes them to a store in batches.
//
// It owns batching: rows of all partitions of the process share a batch, which
// goes out when it is full or old enough, and whose offsets are resolved when
// the store has it. It refuses to know the store, which is behind Batch. While
// the store is down it waits and retries; partitions pause, and memory is
// bounded by two batches.
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
	"stockpush/schemas"
)

// Received is when a message came into our log.
type Received struct{ At time.Time }

// RefusedError says that the store will never take a batch as it is, whatever is
// waited for: a row is to blame, and without it the others may well be taken.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Batch collects rows for the store. Send may be called again after an error. It copies what
// it is given, whose memory is reused.
type Batch interface {
	Add(r *schemas.Record)
	Reject(letter schemas.DeadLetter, at Received)
	Rows() int
	// Records is how many rows Add added, and KeepRecords forgets all but the first n.
	Records() int
	KeepRecords(n int)
	Send(ctx context.Context) error
	Reset()
}

// Config sets the batches.
type Config struct {
	// BatchRows is sinks.batch_rows: a batch with so many goes out at once.
	BatchRows int
	// BatchInterval is sinks.batch_interval: a batch goes out after this long at the latest.
	BatchInterval time.Duration
}

// StreamConfig is how the stage's group reads records and dead letters. One fetched batch
// waits for its partition's handler: rows wait in batches of their own, and while the store is
// down what was fetched waits for hours.
func StreamConfig(topics schemas.Topics) stream.Config {
	return stream.Config{Group: topics.SinkGroup(), Topics: []string{topics.Records(), topics.DeadLetters()}, MaxQueuedBatches: 1}
}

// Deps are what the stage needs from outside.
type Deps struct {
	// NewBatch makes an empty batch of the store.
	NewBatch func() Batch
	// Reread gives take a span's messages again, in order and with memory of their own, as
	// far as they are still there. After an outage it may begin with the first one once more.
	Reread func(ctx context.Context, of stream.Span, take func(*stream.Record) error) error
	// DeadLetters is where a message of ours goes that cannot be read.
	DeadLetters stream.Producer
	Topics      schemas.Topics
	Logger      *slog.Logger
	Metrics     *Metrics
}

// Sink is the stage's handler for both topics.
type Sink struct {
	cfg  Config
	deps Deps

	mu     sync.Mutex
	filled *load
	spare  *load
	// free is signalled when a batch has been sent and the spare one is back.
	free *sync.Cond
	kick chan struct{}
}

// load is a batch with the offsets, in order, of the messages that it settles. Should the
// store refuse it, they are read again.
type load struct {
	batch   Batch
	offsets map[*stream.Assignment][]int64
	since   time.Time
	sent    chan struct{}
}

func newLoad(b Batch) *load {
	return &load{batch: b, offsets: map[*stream.Assignment][]int64{}, sent: make(chan struct{})}
}

// settle says that the store has the messages.
func (l *load) settle() {
	for a, offsets := range l.offsets {
		a.ResolveAll(offsets)
	}
	close(l.sent)
}

// New makes the stage's handler; Run must run for it to send anything.
func New(cfg Config, deps Deps) *Sink {
	s := &Sink{cfg: cfg, deps: deps, kick: make(chan struct{}, 1)}
	s.free = sync.NewCond(&s.mu)
	s.filled, s.spare = newLoad(deps.NewBatch()), newLoad(deps.NewBatch())
	return s
}

// Handler is the stream.Handler of the sink.
func (s *Sink) Handler() stream.Handler { return handler{s} }

type handler struct{ *Sink }

// Run collects a partition's messages until it is taken away, and then waits
// until they are in the store.
func (h handler) Run(ctx context.Context, a *stream.Assignment) error {
	stop := context.AfterFunc(ctx, func() {
		h.mu.Lock() // else a collector between its look at ctx and its wait would miss it
		defer h.mu.Unlock()
		h.free.Broadcast()
	})
	defer stop()
	var last *load
	for messages := range a.Batches() {
		if last = h.collect(ctx, a, messages); last == nil {
			return nil
		}
	}
	if last == nil {
		return nil
	}
	h.nudge()
	select {
	case <-ctx.Done():
	case <-last.sent:
	}
	return nil
}

func (s *Sink) nudge() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// collect adds messages to the batch that is being filled; nil if ctx ended
// before there was room.
func (s *Sink) collect(ctx context.Context, a *stream.Assignment, messages []*stream.Record) *load {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		for s.filled.batch.Rows() >= s.cfg.BatchRows {
			if ctx.Err() != nil {
				return nil
			}
			s.nudge()
			s.free.Wait()
		}
		if s.filled.batch.Rows() == 0 {
			s.filled.since = time.Now()
		}
		if s.take(ctx, a, m) {
			s.filled.offsets[a] = append(s.filled.offsets[a], m.Offset)
		}
	}
	if s.filled.batch.Rows() >= s.cfg.BatchRows {
		s.nudge()
	}
	s.deps.Metrics.waiting.Set(float64(s.filled.batch.Rows()))
	return s.filled
}

// take adds one message's rows and says whether the batch settles it.
func (s *Sink) take(ctx context.Context, a *stream.Assignment, m *stream.Record) bool {
	before := s.filled.batch.Records()
	var err error
	panicked := stream.Guard(func() { err = s.add(s.filled.batch, m) })
	if err == nil && panicked == nil {
		return true
	}
	s.filled.batch.KeepRecords(before) // one that is broken half-way adds nothing
	bad := schemas.BadEvent{Code: schemas.CodeUnreadable, Message: fmt.Sprint(err)}
	if panicked != nil {
		bad = schemas.BadEvent{Code: schemas.CodePanicked, Message: panicked.Error()}
	}
	offset := m.Offset
	s.putAside(ctx, m, bad, func(err error) {
		if err == nil {
			a.Resolve(offset)
		}
	})
	return false
}

// add adds a message's rows to a batch.
func (s *Sink) add(b Batch, m *stream.Record) error {
	if m.Topic == s.deps.Topics.DeadLetters() {
		addDeadLetter(b, m)
		return nil
	}
	return schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		b.Add(r)
		return nil
	})
}

func addDeadLetter(b Batch, m *stream.Record) {
	letter := schemas.DeadLetter{Key: m.Key, Value: m.Value}
	var errs []error
	for _, h := range m.Headers {
		errs = append(errs, letter.TakeHeader(h.Key, string(h.Value)))
	}
	if err := errors.Join(errs...); err != nil || letter.SourceTopic == "" {
		// Somebody else's message: it is shown as what it is.
		letter = schemas.DeadLetter{Key: m.Key, Value: m.Value, SourceTopic: m.Topic, SourcePartition: m.Partition, SourceOffset: m.Offset}
		letter.Code, letter.Message = "unknown", "a message in the dead letters that is not one of ours"
	}
	b.Reject(letter, Received{m.Timestamp})
}

// Run sends batches until ctx ends, or with an error where what the store refuses cannot be
// read again. What is not sent then is read again by whoever owns its partitions next.
func (s *Sink) Run(ctx context.Context) error {
	ticker := time.NewTicker(max(s.cfg.BatchInterval/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
		case <-ticker.C:
			if !s.isDue(time.Now()) {
				continue
			}
		}
		if err := s.flush(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (s *Sink) isDue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.filled.batch.Rows()
	return rows >= s.cfg.BatchRows || rows > 0 && now.Sub(s.filled.since) >= s.cfg.BatchInterval
}

// flush sends the filled batch while the other one is being filled.
func (s *Sink) flush(ctx context.Context) error {
	s.mu.Lock()
	full := s.filled
	s.filled = s.spare
	s.deps.Metrics.waiting.Set(0)
	s.free.Broadcast()
	s.mu.Unlock()
	err := s.send(ctx, full)
	if err == nil {
		full.settle()
	}
	full.batch.Reset()
	s.mu.Lock()
	s.spare = newLoad(full.batch)
	s.mu.Unlock()
	return err
}

// send tries until the store has the batch or ctx ends. Of a batch that the store
// refuses for good it sends what can be sent.
func (s *Sink) send(ctx context.Context, full *load) error {
	if full.batch.Rows() == 0 {
		return nil
	}
	started := time.Now()
	err := s.try(ctx, full.batch)
	if _, refused := errors.AsType[*RefusedError](err); refused {
		s.deps.Logger.Warn("the store refuses a batch for good, looking for the row to blame", "rows", full.batch.Rows(), "error", err)
		err = s.isolateLoad(ctx, full)
	}
	if err != nil {
		return fmt.Errorf("send a batch: %w", err)
	}
	s.deps.Metrics.sent(full.batch.Rows(), time.Since(started))
	return nil
}

// try sends a batch until the store has it, refuses it for good, or ctx ends.
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
			s.deps.Logger.Warn("batch not written, it will be tried again", "rows", b.Rows(), "wait", wait, "error", err)
		}))
	return err
}
