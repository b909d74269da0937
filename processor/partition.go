package processor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"stockpush/processor/latest"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/outbox"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
	"stockpush/schemas/wire"
)

const (
	// closeEvery is how often windows are closed at most: those of a busy partition then leave
	// together, in messages that share a request. A lone event does not wait for it: a look at
	// which no window closed does not count.
	closeEvery = 10 * time.Millisecond
	// maxTurnWindows is how many windows a turn closes. More are closed in the next turns, so
	// that acknowledgements are handled meanwhile.
	maxTurnWindows = 1024
	// catchUpBacklog is how many of a partition's events are unread when it is behind. Fewer are
	// read within a few milliseconds.
	catchUpBacklog = 2000
	// maxChainBytes is where the links of a window are spilled before it closes.
	maxChainBytes = 16 << 10
	// maxLinkBytes bounds the memory of all links that wait in the process. Each partition has
	// its share; above it the links of the window that gets an event are spilled.
	maxLinkBytes = 112 << 20
)

// partition is the work of one partition, owned by one goroutine.
type partition struct {
	*Processor
	assignment *stream.Assignment
	buffer     *latest.Buffer
	out        *outbox.Outbox
	// commands and records are what the next turn sends.
	commands []*outbox.Message
	records  *outbox.RecordBatch
	timer    *time.Timer
	// decoder and event read one event after the other.
	decoder stockevent.Decoder
	event   schemas.Event
	traces  traces
	// closed is when a window was last closed.
	closed time.Time
	// next is the offset after the last event that was read.
	next int64
	// backlog is the part of a batch that found the buffer full.
	backlog []*kafka.Record
	// verified says that the topic was as declared after the batch came.
	verified bool
}

func newPartition(p *Processor, a *stream.Assignment) *partition {
	p.partitions.Add(1)
	return &partition{
		Processor:  p,
		assignment: a,
		buffer:     latest.New(latest.Config{Window: p.cfg.Window, QuietPeriod: p.cfg.QuietPeriod}, time.Now()),
		out: outbox.New(outbox.Deps{
			Producer: p.deps.Producer, DeadLetters: p.deps.DeadLetters, Topics: p.deps.Topics,
			Logger: p.deps.Logger, DeadLettered: p.deps.Metrics.deadLettered,
		}, a),
		records: outbox.NewRecordBatch(p.deps.Topics, p.deps.Log.RecordPartitions),
		timer:   time.NewTimer(time.Hour),
		traces:  traces{},
	}
}

// run is the owner's loop. It ends when the partition is lost, or revoked and Kafka has acknowledged
// what was sent. Open windows are not sent then.
func (p *partition) run(ctx context.Context) error {
	defer p.leave()
	for closing := p.assignment.Closing(); closing != nil || p.out.Open() > 0; {
		batches := p.assignment.Batches()
		if len(p.backlog) > 0 || closing == nil {
			batches = nil // full: only a closing window makes room
		}
		select {
		case <-ctx.Done():
			return nil
		case <-closing:
			closing = nil
			p.timer.Stop()
			continue
		case ack := <-p.out.Acks():
			if err := p.out.Handle(ctx, ack); err != nil {
				return err
			}
			continue
		case batch := <-batches: // the zero Batch if the partition is closing
			p.backlog, p.next, p.verified = batch.Records, max(p.next, batch.Next), false
		case <-p.timer.C:
		}
		if err := p.advance(ctx, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (p *partition) leave() {
	p.timer.Stop()
	p.partitions.Add(-1)
	p.deps.Metrics.waiting.Add(-int64(p.buffer.Len()))
}

// advance closes the windows that are due, takes what the buffer has room for, and sends what
// this results in.
func (p *partition) advance(ctx context.Context, now time.Time) error {
	p.closeDue(now)
	if err := p.takeGuarded(ctx, now); err != nil {
		return err
	}
	p.send(ctx)
	p.buffer.SetWindow(p.window())
	if due, ok := p.buffer.NextDue(); ok {
		p.timer.Reset(max(time.Until(due), time.Until(p.closed.Add(closeEvery))))
	}
	return nil
}

// closeDue closes windows that are due.
func (p *partition) closeDue(now time.Time) {
	if now.Sub(p.closed) < closeEvery {
		return
	}
	for range maxTurnWindows {
		w := p.buffer.PopDue(now)
		if w == nil {
			return
		}
		p.close(w, now)
		p.closed = now
	}
	p.closed = time.Time{} // the next turn closes more at once
}

// close turns the newest event of a window into a command and a Pending record, which is of
// one chain with the Skipped ones.
func (p *partition) close(w *latest.Entry, now time.Time) {
	for _, repeat := range w.Earlier {
		p.order(w.Key, repeat, wire.Chain{QueuedAt: now})
	}
	p.order(w.Key, w.Newest, wire.Chain{QueuedAt: now, Links: w.Links})
	p.commands[len(p.commands)-1].Headers = p.traces.take(w)
	p.deps.Metrics.waiting.Add(-1)
	p.deps.Metrics.windows.Inc()
	if p.deps.Logger.Enabled(context.Background(), slog.LevelDebug) {
		p.logWindow(w, now)
	}
}

// logWindow logs a closed window at debug.
func (p *partition) logWindow(w *latest.Entry, now time.Time) {
	e, _ := wire.UnpackEvent(schemas.Key{}, w.Newest.Event.Bytes()) // we packed it
	p.deps.Logger.Debug("window closed", "store_sku", w.Key, "quantity", e.PushQty(), "events", w.Events, "event_id", e.EventID,
		"offset", w.Newest.Offset, "after", now.Sub(e.TriggeredAt))
}

// order adds a command of an event, and a chain whose newest event it is.
func (p *partition) order(key string, e latest.Waiting, chain wire.Chain) {
	chain.Newest = e.Event.Bytes()
	p.commands = append(p.commands, &outbox.Message{Sources: []int64{e.Offset}, Record: kafka.Record{
		Topic:     p.commandsTopic,
		Partition: schemas.PartitionFor([]byte(schemas.ShopText(key)), p.deps.Log.CommandPartitions),
		Key:       []byte(key),
		Value:     wire.EncodeCommand(key, chain.Newest, chain.QueuedAt),
	}})
	p.records.AddChain(key, chain, e.Offset)
	p.deps.Metrics.commands.Inc()
}

// send sends what was gathered as one turn. The offsets of its events are resolved when Kafka
// has acknowledged all of it.
func (p *partition) send(ctx context.Context) {
	records := p.records.Take()
	if len(records) == 0 {
		return
	}
	turn := outbox.Turn{First: append(p.commands, records...)}
	for _, m := range records {
		turn.Offsets = append(turn.Offsets, m.Sources...)
	}
	p.commands = nil
	p.out.Send(ctx, turn)
}

// takeGuarded takes what fits. An event at which that panics becomes a dead letter.
func (p *partition) takeGuarded(ctx context.Context, now time.Time) error {
	for {
		var err error
		panicked := stream.Guard(func() { err = p.takeWhatFits(ctx, now) })
		if panicked == nil {
			return err
		}
		p.panicked(ctx, p.backlog[0], panicked)
		p.backlog = p.backlog[1:]
	}
}

// takeWhatFits takes of the backlog what there is room for. If it panics, the event at which
// it did is the first of the backlog.
func (p *partition) takeWhatFits(ctx context.Context, now time.Time) error {
	for len(p.backlog) > 0 && p.hasRoomFor(p.backlog[0].Key) {
		if err := p.take(ctx, p.backlog[0], now); err != nil {
			return err
		}
		p.backlog = p.backlog[1:]
	}
	return nil
}

// hasRoomFor says whether the buffer accepts an event. It always accepts one of an open window. A
// partition without a window may open one, so that no partition starves.
func (p *partition) hasRoomFor(key []byte) bool {
	return !p.full() || p.buffer.Len() == 0 || p.buffer.Find(key) != nil
}

// full says whether the maximum of store SKUs wait in this process.
func (p *partition) full() bool { return p.deps.Metrics.waiting.Load() >= int64(p.cfg.MaxBufferedSKUs) }

// take puts an event into the buffer.
func (p *partition) take(ctx context.Context, r *kafka.Record, now time.Time) error {
	if err := p.decode(&p.event, r, now); err != nil {
		return p.reject(ctx, r, err)
	}
	result := p.buffer.Put(r.Key, &p.event, now)
	p.deps.Metrics.events[result.Verdict].Inc()
	p.deps.Metrics.skipped.Add(float64(result.Skipped))
	if result.Verdict == latest.Opened {
		p.deps.Metrics.waiting.Add(1)
	}
	if p.deps.Traces {
		p.traces.put(result, contextOf(r))
	}
	p.spill(result.Entry)
	return nil
}

func (p *partition) decode(event *schemas.Event, r *kafka.Record, now time.Time) error {
	if err := p.decoder.DecodeMessage(event, stockevent.Message{Key: r.Key, Value: r.Value, ContentType: kafka.ContentType(r)}); err != nil {
		return err
	}
	id, ok := p.deps.Log.idOf(r.Key, r.Partition, r.Offset)
	if !ok {
		return p.deps.Log.Partitioner.WrongPartition(r.Key, r.Partition, p.deps.Log.Partitions)
	}
	event.Position = schemas.Position{LogID: id, Partition: r.Partition, Offset: r.Offset}
	event.TriggeredAt = schemas.TimestampOr(r.Timestamp, now)
	return nil
}

// spill adds the links of a window that stays open to the turn, if they are many or memory is
// scarce. Otherwise they wait: records of one store SKU that are stored together cost less than
// half of scattered ones.
func (p *partition) spill(w *latest.Entry) {
	links := len(w.Links)
	scarce := links > 0 && int64(p.buffer.LinkBytes()) > maxLinkBytes/max(1, p.partitions.Load())
	if scarce || links > maxChainBytes {
		p.records.AddChain(w.Key, wire.Chain{Newest: w.Newest.Event.Bytes(), Links: p.buffer.TakeLinks(w)}, w.Newest.Offset)
	}
}

// window returns how long windows last now. While the partition is behind they last longer, so that
// more events share one, unless the buffer is full: then only closing makes room.
func (p *partition) window() time.Duration {
	unread := p.assignment.LogEnd() - p.next
	if unread > catchUpBacklog && !p.full() {
		return max(p.cfg.Window, p.cfg.CatchUpWindow)
	}
	return p.cfg.Window
}

// reject dead-letters a bad event. If its partition is wrong, reject first checks that the topic
// has not changed.
func (p *partition) reject(ctx context.Context, r *kafka.Record, cause error) error {
	bad, _ := errors.AsType[*schemas.BadEvent](cause) // decode returns nothing else
	if bad.Code == schemas.CodeWrongPartition && !p.verified {
		if err := p.deps.Verify(ctx); err != nil {
			return err
		}
		p.verified = true
	}
	p.deadLetter(ctx, r, *bad)
	return nil
}

// panicked dead-letters an event at which the stage itself failed.
func (p *partition) panicked(ctx context.Context, r *kafka.Record, cause *stream.PanicError) {
	p.deps.Logger.Error("the stage panicked at an event, which becomes a dead letter",
		"partition", r.Partition, "offset", r.Offset, "error", cause, "stack", string(cause.Stack))
	p.deadLetter(ctx, r, schemas.BadEvent{Code: schemas.CodePanicked, Message: cause.Error()})
}

// deadLetter sends a copy of an event to the dead letters, as it was received.
func (p *partition) deadLetter(ctx context.Context, r *kafka.Record, bad schemas.BadEvent) {
	p.out.DeadLetter(ctx, schemas.DeadLetter{
		BadEvent: bad, SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset, SourceTime: r.Timestamp,
		Key: r.Key, Value: r.Value, Received: kafka.MessageHeaders(r),
	}, r.Offset)
}
