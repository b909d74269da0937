package processor

import (
	"context"
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
}

// Deps are what the stage needs from outside.
type Deps struct {
	Producer stream.Producer
	// DeadLetters is a Producer for messages of up to schemas.MaxDeadLetterBytes.
	DeadLetters stream.Producer
	Topics      schemas.Topics
	Log         Log
	Metrics     *Metrics
}

// Processor makes the work of every partition; it implements stream.Handler.
type Processor struct {
	cfg  Config
	deps Deps
	// waiting counts the open windows of all partitions of this process.
	waiting atomic.Int64
}

// New makes the stage's handler.
func New(cfg Config, deps Deps) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Processor{cfg: cfg, deps: deps}, nil
}

// Run compacts one partition until it is taken away. Windows that are still
// open then are the next owner's: their events are not resolved, so it reads
// them again.
func (p *Processor) Run(ctx context.Context, a *stream.Assignment) error {
	return newPartition(p, a).run(ctx)
}

// closeEvery is how often windows are closed at most: those of a busy partition
// then leave together, in messages that share a request. A lone event is not later.
const closeEvery = 10 * time.Millisecond

// partition is the work of one partition, owned by one goroutine.
type partition struct {
	*Processor
	assignment *stream.Assignment
	buffer     *latest.Buffer
	out        *outbox
	timer      *time.Timer
	// took counts events by verdict until the metrics are told: a counter that
	// other goroutines write too would cost more than the map's look-up.
	took [latest.Joined + 1]int
	// closed is when windows were last closed.
	closed time.Time
	// backlog is the part of a batch that found the buffer full.
	backlog []*stream.Record
}

func newPartition(p *Processor, a *stream.Assignment) *partition {
	windows := latest.Config{Window: p.cfg.Window, QuietPeriod: p.cfg.QuietPeriod}
	return &partition{
		Processor:  p,
		assignment: a,
		buffer:     latest.New(windows, time.Now()),
		out:        newOutbox(p.deps, a),
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
				return p.out.drain(ctx)
			}
			p.backlog = batch
		case <-p.timer.C:
		}
		p.advance(ctx)
	}
}

// advance closes the windows that are due and takes what the buffer has room for.
func (p *partition) advance(ctx context.Context) {
	now := time.Now()
	if now.Sub(p.closed) >= closeEvery {
		p.closeDue(ctx, now)
		p.closed = now
	}
	for len(p.backlog) > 0 && p.hasRoomFor(p.backlog[0].Key) {
		p.take(ctx, p.backlog[0], now)
		p.backlog = p.backlog[1:]
	}
	p.tell()
	if due, ok := p.buffer.NextDue(); ok {
		p.timer.Reset(max(time.Until(due), time.Until(p.closed.Add(closeEvery))))
	} else if len(p.backlog) > 0 {
		p.timer.Reset(p.cfg.Window) // other partitions hold all the room
	}
}

func (p *partition) tell() {
	for verdict, n := range p.took {
		p.deps.Metrics.took(latest.Verdict(verdict), n)
	}
	p.deps.Metrics.skipped.Add(float64(p.out.skipped))
	clear(p.took[:])
	p.out.skipped = 0
}

// hasRoomFor lets an event of an open window in always. A partition with no
// window at all may open one, so that no partition starves.
func (p *partition) hasRoomFor(key []byte) bool {
	return p.waiting.Load() < int64(p.cfg.MaxBufferedSKUs) || p.buffer.Len() == 0 || p.buffer.Has(key)
}

func (p *partition) take(ctx context.Context, r *stream.Record, now time.Time) {
	event, err := p.decode(r)
	if err != nil {
		p.out.reject(ctx, r, err)
		return
	}
	result := p.buffer.Put(r.Key, &event, now)
	p.took[result.Verdict]++
	switch result.Verdict {
	case latest.Opened:
		p.opened(1)
	case latest.Replaced:
		for _, loser := range result.Losers {
			p.out.skip(ctx, result.Entry, skipped{loser: loser, winner: &event, at: now})
		}
	case latest.Beaten:
		p.out.skipRepeat(ctx, result.Entry, skippedRepeat{loser: &event, at: now})
	case latest.Joined:
	}
}

func (p *partition) decode(r *stream.Record) (schemas.Event, error) {
	event, err := schemas.DecodeEvent(r.Key, r.Value)
	if err != nil {
		return event, err
	}
	if want := schemas.PartitionFor(r.Key, p.deps.Log.Partitions); want != r.Partition {
		return event, wrongPartition(want, r.Partition)
	}
	event.Position = schemas.Position{LogID: p.deps.Log.ID, Partition: r.Partition, Offset: r.Offset}
	event.TriggeredAt = r.Timestamp
	return event, nil
}

func (p *partition) closeDue(ctx context.Context, now time.Time) {
	for w := p.buffer.PopDue(now); w != nil; w = p.buffer.PopDue(now) {
		p.out.send(ctx, w, now)
		p.buffer.Free(w)
		p.opened(-1)
		p.deps.Metrics.windows.Inc()
	}
}

func (p *partition) leave() {
	p.timer.Stop()
	p.opened(-p.buffer.Len())
}

// opened counts windows that were opened, or closed where n is negative.
func (p *partition) opened(n int) {
	p.waiting.Add(int64(n))
	p.deps.Metrics.waiting.Add(float64(n))
}
