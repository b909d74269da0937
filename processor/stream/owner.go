package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/stream/kafka"
)

// errLost is the cause with which a lost partition's context ends.
var errLost = errors.New("the partition was lost")

// OwnerConfig is what an Owner needs from the Stage, or from a test in its place.
type OwnerConfig struct {
	Topic     string
	Partition int32
	// Alive says whether the last heartbeat is recent enough to act.
	Alive func() bool
	// MaxQueuedBatches is how many batches may wait for the handler.
	MaxQueuedBatches int
	// Pause and Resume stop and restart the partition's fetches. They are called one at a
	// time, and must not call the Owner.
	Pause, Resume func()
	// Failed receives an error that ends the stage.
	Failed func(error)
}

// Owner runs the handler of one assignment and feeds it. The Stage, or a test in its place, pushes
// the fetched records and takes the partition away.
type Owner struct {
	*Assignment
	cfg OwnerConfig
	// queuedBytes counts the queued bytes of all owners of the stage.
	queuedBytes *atomic.Int64
	cancel      context.CancelCauseFunc
	done        chan struct{}
	// committed is the last commit. It belongs to the stage.
	committed Commit

	mu     sync.Mutex
	queue  []Batch
	paused bool
	// wake is a signal that more was pushed.
	wake chan struct{}
	// popped is a signal that the queue became shorter.
	popped chan struct{}
	idle   idle
	// lastRead is the timestamp of the last record that the handler got; before it got one, it is
	// when the partition was assigned. allReadAt is when the partition had no unread record.
	lastRead, allReadAt time.Time
	// probing says that a probe of the partition runs.
	probing atomic.Bool
}

// NewOwner makes the owner of an assignment.
func NewOwner(cfg OwnerConfig) *Owner {
	return &Owner{
		Assignment: &Assignment{topic: cfg.Topic, partition: cfg.Partition, alive: cfg.Alive, batches: make(chan Batch), closing: make(chan struct{})},
		cfg:        cfg, queuedBytes: new(atomic.Int64), committed: Commit{Offset: -1},
		done: make(chan struct{}), wake: make(chan struct{}, 1), popped: make(chan struct{}, 1), idle: idle{at: -1}, lastRead: time.Now(),
	}
}

// Start runs the handler until Drain or Drop, or until ctx ends.
func (o *Owner) Start(ctx context.Context, handler Handler) {
	ctx, o.cancel = context.WithCancelCause(ctx)
	var work sync.WaitGroup
	work.Go(func() { o.feed(ctx) })
	work.Go(func() {
		defer o.cancel(nil)
		if err := o.handle(ctx, handler); err != nil {
			o.cfg.Failed(fmt.Errorf("%s/%d: %w", o.topic, o.partition, err))
		}
	})
	go func() { // ends with the two above, which Close and Drop end
		work.Wait()
		o.forget()
		close(o.done)
	}()
}

// forget drops what is still queued. The next owner fetches it again.
func (o *Owner) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, left := range o.queue {
		o.queuedBytes.Add(-left.bytes)
	}
	o.queue = nil
}

func (o *Owner) handle(ctx context.Context, handler Handler) (err error) {
	if p := Guard(func() { err = handler.Run(ctx, o.Assignment) }); p != nil {
		return fmt.Errorf("%w\n%s", p, p.Stack)
	}
	if ctx.Err() != nil {
		return nil // it was cut off, which caused the error
	}
	if err != nil {
		return err
	}
	select {
	case <-o.closing:
		return nil
	default:
		return errors.New("the handler ended although its partition is still assigned")
	}
}

// Push queues the next fetched records for the handler; the partition's log ends at logEnd. It
// never blocks.
func (o *Owner) Push(records []*kafka.Record, logEnd int64) error {
	return o.push(fetchOf(records, logEnd))
}

func (o *Owner) push(f fetch) error {
	if err := o.track(f); err != nil {
		return fmt.Errorf("%s/%d: %w", o.topic, o.partition, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	next := Batch{Records: f.records, Next: f.next}
	for _, r := range f.records {
		next.bytes += kafka.SizeOf(r)
	}
	o.queue = append(o.queue, next)
	o.queuedBytes.Add(next.bytes)
	notify(o.wake)
	return nil
}

// full says whether the queue is full and fetches are not paused.
func (o *Owner) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) >= o.cfg.MaxQueuedBatches && !o.paused
}

// MakeRoom waits until the queue is not full. When the time is over it pauses the fetches instead,
// so that at most what was fetched already follows.
func (o *Owner) MakeRoom(timeout <-chan struct{}) {
	for o.full() {
		select {
		case <-o.popped:
		case <-timeout:
			o.PauseIfFull()
			return
		}
	}
}

// PauseIfFull pauses the partition's fetches if the queue is full. They resume when half of it is
// free.
func (o *Owner) PauseIfFull() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= o.cfg.MaxQueuedBatches && !o.paused {
		o.paused = true
		o.cfg.Pause()
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// feed delivers the queue, batch by batch. It stops when the assignment is closed.
func (o *Owner) feed(ctx context.Context) {
	defer close(o.batches)
	for {
		next, batches := o.next()
		select {
		case <-ctx.Done():
			return
		case <-o.closing:
			return
		case batches <- next:
			o.pop()
		case <-o.wake:
		}
	}
}

// next returns the next batch and the channel to send it to, which is nil if nothing is queued.
func (o *Owner) next() (next Batch, to chan<- Batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return Batch{}, nil
	}
	return o.queue[0], o.batches
}

func (o *Owner) pop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	read := o.queue[0]
	o.queuedBytes.Add(-read.bytes)
	if n := len(read.Records); n > 0 {
		o.lastRead = read.Records[n-1].Timestamp
	}
	o.queue[0] = Batch{}
	o.queue = o.queue[1:]
	notify(o.popped)
	if o.paused && len(o.queue) <= o.cfg.MaxQueuedBatches/2 {
		o.paused = false
		o.cfg.Resume()
	}
}

// Close asks the handler to finish what is in flight.
func (o *Owner) Close() {
	o.closeOnce.Do(func() { close(o.closing) })
}

// Drain closes the assignment and waits for the handler. When ctx ends it cuts the handler off.
// It may run twice at once, since a rebalance may happen while the stage ends.
func (o *Owner) Drain(ctx context.Context) {
	o.Close()
	select {
	case <-o.done:
	case <-ctx.Done():
		o.cutOff(context.Cause(ctx))
	}
	o.over.Store(true)
}

// Drop cuts the handler off, since another process owns the partition.
func (o *Owner) Drop() {
	o.over.Store(true)
	o.Close()
	o.cutOff(errLost)
}

// ErrStuck is the error of a handler that does not end after it was cut off.
var ErrStuck = errors.New("the handler did not end within 10 s, so the process must")

// endTimeout bounds the wait for a handler that was cut off.
const endTimeout = 10 * time.Second

// cutOff ends the handler's context and waits for the handler. If it does not end the stage
// fails, and so the process, rather than block a rebalance.
func (o *Owner) cutOff(cause error) {
	o.cancel(cause)
	select {
	case <-o.done:
	case <-time.After(endTimeout):
		o.cfg.Failed(fmt.Errorf("%s/%d, cut off since %w: %w", o.topic, o.partition, cause, ErrStuck))
	}
}

// PanicError is a recovered panic.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Guard runs work and returns its panic; nil if there is none.
func Guard(work func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = &PanicError{v, debug.Stack()}
		}
	}()
	work()
	return nil
}
