package processor

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"stockpush/processor/latest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// Log describes the events topic as it is now.
type Log struct {
	// ID is the log_id: which life of the topic this is, counted from 1.
	ID uint16
	// Partitions of the events topic, and of the commands topic.
	Partitions, CommandPartitions int
	// Partitioner is how producers choose an event's partition.
	Partitioner schemas.Partitioner
	// RecordPartitions are those of the records topic; 0 is as many as of the events topic.
	RecordPartitions int
	// Earlier are the topic's lives with fewer partitions or another partitioner, oldest first. An
	// event below such a life's end, in the partition that it gave the event's key, is of it.
	Earlier []Layout
}

// Layout is how an earlier life of the events topic spread its keys.
type Layout struct {
	ID          uint16
	Partitions  int
	Partitioner schemas.Partitioner
	// Ends is where each partition ended when the next life began.
	Ends map[int32]int64
}

// idOf is the life of the log that an event is of; false if its key belongs
// into another partition.
func (l *Log) idOf(key []byte, partition int32, offset int64) (id uint16, ok bool) {
	for _, earlier := range l.Earlier {
		if offset < earlier.Ends[partition] && earlier.Partitioner.Partition(key, earlier.Partitions) == partition {
			return earlier.ID, true
		}
	}
	return l.ID, l.Partitioner.Partition(key, l.Partitions) == partition
}

// Deps are what the stage needs from outside.
type Deps struct {
	Producer stream.Producer
	// DeadLetters is a stream.DeadLetters.
	DeadLetters stream.Producer
	Topics      schemas.Topics
	Log         Log
	// Verify says what is wrong if the events topic is not Log any more: an event in
	// another partition than its key's may be right in a topic with more partitions.
	Verify  func(context.Context) error
	Metrics *Metrics
	// Logger is told of messages that are put aside though upstream is not to
	// blame; nil tells nobody.
	Logger *slog.Logger
}

// Processor makes the work of every partition; it implements stream.Handler.
type Processor struct {
	cfg  Config
	deps Deps
	// waiting counts the open windows of all partitions of this process.
	waiting atomic.Int64
	// partitions counts those partitions; they share what may be held back.
	partitions atomic.Int64
}

// New makes the stage's handler.
func New(cfg Config, deps Deps) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps.Log.RecordPartitions = cmp.Or(deps.Log.RecordPartitions, deps.Log.Partitions)
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	return &Processor{cfg: cfg, deps: deps}, nil
}

// Run compacts one partition until it is taken away. Windows that are still
// open then are the next owner's: their events are not resolved, so it reads
// them again.
func (p *Processor) Run(ctx context.Context, a *stream.Assignment) error {
	if int(a.Partition()) >= p.deps.Log.Partitions {
		if err := p.deps.Verify(ctx); err != nil {
			return err
		}
	}
	return newPartition(p, a).run(ctx)
}

// closeEvery is how often windows are closed at most: those of a busy partition
// then leave together, in messages that share a request. A lone event is not later:
// what was looked at and not closed does not count.
const closeEvery = 10 * time.Millisecond

// partition is the work of one partition, owned by one goroutine.
type partition struct {
	*Processor
	assignment *stream.Assignment
	buffer     *latest.Buffer
	out        *outbox
	timer      *time.Timer
	// decoder and event read one event after the other.
	decoder schemas.Decoder
	event   schemas.Event
	// took counts events by verdict, and closedWindows windows, until the metrics are
	// told: a counter that other goroutines write too would cost more than the map's look-up.
	took          [latest.Joined + 1]int
	closedWindows int
	// closed is when a window was last closed, and unrecorded says that its records have not
	// gone out since.
	closed     time.Time
	unrecorded bool
	// next is the offset behind what was taken.
	next int64
	// backlog is the part of a batch that found the buffer full.
	backlog []*stream.Record
	// verified says that the topic was as declared after the batch came.
	verified bool
}

func newPartition(p *Processor, a *stream.Assignment) *partition {
	p.partitions.Add(1)
	buffer := latest.New(latest.Config{Window: p.cfg.Window, QuietPeriod: p.cfg.QuietPeriod}, time.Now())
	return &partition{
		Processor:  p,
		assignment: a,
		buffer:     buffer,
		out:        newOutbox(p.deps, a, buffer),
		timer:      time.NewTimer(time.Hour),
	}
}

func (p *partition) run(ctx context.Context) error {
	defer p.leave()
	for {
		batches := p.assignment.Batches()
		if len(p.backlog) > 0 {
			batches = nil // full: only a closing window makes room
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-p.out.failed:
			return err
		case batch, open := <-batches:
			if !open {
				p.out.flush(ctx)
				return p.out.drain(ctx)
			}
			p.backlog, p.verified = batch, false
			p.next = max(p.next, p.assignment.Passed())
		case <-p.timer.C:
		}
		if err := p.advance(ctx); err != nil {
			return err
		}
	}
}

// advance closes the windows that are due and takes what the buffer has room for.
func (p *partition) advance(ctx context.Context) error {
	now := time.Now()
	p.out.mayHold = int(maxLinkBytes / max(1, p.partitions.Load()))
	if now.Sub(p.closed) >= closeEvery {
		p.close(ctx, now)
	}
	if err := p.takeGuarded(ctx, now); err != nil {
		return err
	}
	p.tell()
	p.buffer.SetWindow(p.window())
	switch due, ok := p.buffer.NextDue(); {
	case p.unrecorded:
		p.timer.Reset(time.Until(p.closed.Add(closeEvery)))
	case ok:
		p.timer.Reset(max(time.Until(due), time.Until(p.closed.Add(closeEvery))))
	case len(p.backlog) > 0:
		p.timer.Reset(p.cfg.Window) // other partitions hold all the room
	}
	return nil
}

// close closes the windows that are due, after the records went out of those that were
// closed before. A store SKU's command goes first that way: nobody waits for its record,
// and the broker and its consumers would do both at once.
func (p *partition) close(ctx context.Context, now time.Time) {
	if p.unrecorded {
		p.out.flush(ctx)
	}
	if p.unrecorded = p.closeDue(ctx, now); p.unrecorded {
		p.closed = now
	}
}

func (p *partition) tell() {
	m := p.deps.Metrics
	for verdict, n := range p.took {
		m.took(latest.Verdict(verdict), n)
	}
	m.waiting.Add(float64(p.took[latest.Opened] - p.closedWindows))
	m.windows.Add(float64(p.closedWindows))
	m.skipped.Add(float64(p.out.skipped))
	m.commands.Add(float64(p.out.commands))
	clear(p.took[:])
	p.closedWindows, p.out.skipped, p.out.commands = 0, 0, 0
}

// hasRoomFor lets an event of an open window in always. A partition with no
// window at all may open one, so that no partition starves.
func (p *partition) hasRoomFor(key []byte) bool {
	return !p.full() || p.buffer.Len() == 0 || p.buffer.Find(key) != nil
}

// full says that as many store SKUs wait in this process as may.
func (p *partition) full() bool { return p.waiting.Load() >= int64(p.cfg.MaxBufferedSKUs) }

// takeGuarded takes what fits, and puts events aside at which that panics.
func (p *partition) takeGuarded(ctx context.Context, now time.Time) error {
	for {
		var err error
		panicked := stream.Guard(func() { err = p.takeWhatFits(ctx, now) })
		if panicked == nil {
			return err
		}
		p.out.panicked(ctx, p.backlog[0], panicked)
		p.backlog = p.backlog[1:]
	}
}

// takeWhatFits takes of the backlog what there is room for. Where it panics, the event
// that it was at is the backlog's first.
func (p *partition) takeWhatFits(ctx context.Context, now time.Time) error {
	for len(p.backlog) > 0 && p.hasRoomFor(p.backlog[0].Key) {
		r := p.backlog[0]
		p.next = r.Offset + 1
		if err := p.take(ctx, r, now); err != nil {
			return err
		}
		p.backlog = p.backlog[1:]
	}
	return nil
}

// take takes an event.
func (p *partition) take(ctx context.Context, r *stream.Record, now time.Time) error {
	event := &p.event
	window := p.buffer.Find(r.Key)
	if err := p.decode(event, r, window != nil); err != nil {
		return p.reject(ctx, r, err)
	}
	result := p.buffer.Put(window, r.Key, event, now)
	p.took[result.Verdict]++
	if result.Verdict == latest.Opened {
		p.waiting.Add(1)
	}
	p.out.skipped += result.Skipped
	p.out.spill(ctx, result.Entry)
	return nil
}

// reject puts a bad event aside. One that is in a wrong partition makes sure first
// that it is not the topic that changed.
func (p *partition) reject(ctx context.Context, r *stream.Record, cause error) error {
	bad, ok := errors.AsType[*schemas.BadEvent](cause)
	if ok && bad.Code == schemas.CodeWrongPartition && !p.verified {
		if err := p.deps.Verify(ctx); err != nil {
			return err
		}
		p.verified = true
	}
	p.out.reject(ctx, r, cause)
	return nil
}

// decode reads an event; known says that one with its key was read here before.
func (p *partition) decode(event *schemas.Event, r *stream.Record, known bool) error {
	if err := p.decoder.Decode(event, r.Key, r.Value); err != nil {
		return err
	}
	id, ok := p.deps.Log.ID, known && len(p.deps.Log.Earlier) == 0
	if !ok {
		id, ok = p.deps.Log.idOf(r.Key, r.Partition, r.Offset)
	}
	if !ok {
		return p.deps.Log.Partitioner.WrongPartition(r.Key, r.Partition, p.deps.Log.Partitions)
	}
	event.Position = schemas.Position{LogID: id, Partition: r.Partition, Offset: r.Offset}
	event.TriggeredAt = r.Timestamp
	return nil
}

// closeDue closes windows. Records that were gathered since wait for the next time, and so
// for little more than a window: a Skipped record's store SKU has one open.
func (p *partition) closeDue(ctx context.Context, now time.Time) (closed bool) {
	for w := p.buffer.PopDue(now); w != nil; w = p.buffer.PopDue(now) {
		p.out.send(ctx, w, now)
		p.waiting.Add(-1)
		p.closedWindows++
		closed = true
	}
	return closed
}

// farBehind is how many of a partition's events are unread when it is behind. Fewer are
// read within a few milliseconds.
const farBehind = 2000

// window is how long windows last now. While the partition is behind they last longer, so
// that more events share one, unless the buffer is full: then only closing makes room.
func (p *partition) window() time.Duration {
	unread := p.assignment.LogEnd() - p.next
	if unread > farBehind && !p.full() {
		return max(p.cfg.Window, p.cfg.CatchUpWindow)
	}
	return p.cfg.Window
}

func (p *partition) leave() {
	p.timer.Stop()
	p.partitions.Add(-1)
	p.waiting.Add(-int64(p.buffer.Len()))
	p.deps.Metrics.waiting.Sub(float64(p.buffer.Len()))
}
