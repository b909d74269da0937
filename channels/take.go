package channels

import (
	"bytes"
	"context"
	"errors"
	"time"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// start restores the state, and finds out which commands an earlier owner may
// have had in flight.
func (w *worker) start(ctx context.Context) (err error) {
	backlog, err := w.deps.History.Backlog(ctx, w.assignment.Partition())
	if err != nil {
		return err
	}
	w.next, w.inheritedBelow = backlog.From, backlog.End
	newest := schemas.Frontier{}
	stale := map[string]bool{}
	lastOwner := ""
	w.statesEnd, err = w.deps.History.States(ctx, w.assignment.Partition(), 0, func(r *stream.Record) error {
		if string(r.Key) == ownerKey {
			lastOwner = string(r.Value)
		}
		w.restore(ctx, r, newest, stale)
		return nil
	})
	if err != nil {
		return err
	}
	for key := range stale {
		s, err := w.sku(key)
		if err != nil {
			return err
		}
		w.out.state(s) // so that compaction keeps the right one
		w.rest(s)
	}
	w.clean = lastOwner != "" && backlog.Mark == cleanMark(lastOwner)
	if err := w.claim(ctx); err != nil || w.deps.Verify == nil {
		return err
	}
	return w.deps.Verify(ctx, newest)
}

// restore takes a state, whose memory is its fetch's. One that knows less than an
// earlier one is stale.
func (w *worker) restore(ctx context.Context, r *stream.Record, newest schemas.Frontier, stale map[string]bool) {
	key := text(r.Key)
	if _, err := schemas.ParseKey(key); err != nil {
		return // what is kept of the log itself, not of a store SKU
	}
	var state schemas.PackedState
	var err error
	if len(r.Value) > 0 { // else it was taken back
		state, err = schemas.SplitState(r.Value)
	}
	if err == nil && w.restoreAtRest(key, &state) {
		newest.Take(state.NewestAt)
		return
	}
	s, _ := w.sku(key) // it is a key
	switch {
	case err != nil:
	case len(r.Value) > 0 && s.finishedAt().Newer(state.Finished.Position):
		stale[s.key] = true
		return
	default:
		delete(stale, s.key)
		state.Newest, state.Finished.Bytes = bytes.Clone(state.Newest), bytes.Clone(state.Finished.Bytes)
		err = s.restore(&state, &past{})
	}
	if err != nil {
		w.unreadable(ctx, r, err)
		return
	}
	newest.Take(state.NewestAt)
	w.remember(s)
	w.rest(s)
}

// restoreAtRest packs a store SKU that nothing else is known of, if it may rest, straight from
// its state. Most may, and there may be very many.
func (w *worker) restoreAtRest(key string, state *schemas.PackedState) bool {
	if w.skus[key] != nil {
		return false
	}
	room := &w.restored
	room.storeSKU = storeSKU{standing: standing{key: key}}
	if room.restore(state, &room.past) != nil || !room.mayRest() {
		return false
	}
	w.pack(&known{sku: &room.storeSKU})
	return true
}

// remember notes whether a restored store SKU is to be read back.
func (w *worker) remember(s *storeSKU) {
	if s.readback() != nil {
		l := w.lane(s, time.Now())
		l.owed[s] = struct{}{}
		w.agenda.add(l)
	} else if s.lane != nil {
		delete(s.lane.owed, s)
	}
}

// unreadable puts a state aside. Its store SKU is as one without a state, until
// its next push writes another.
func (w *worker) unreadable(ctx context.Context, r *stream.Record, cause error) {
	w.deps.Logger.Error("a state cannot be read, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", cause)
	w.out.putAside(ctx, r, schemas.BadEvent{Code: schemas.CodeUnreadable, Message: cause.Error()}, &group{1, func(context.Context) {}})
}

// guarded takes a command; one at which the stage itself fails is put aside.
func (w *worker) guarded(ctx context.Context, r *stream.Record, now time.Time) {
	err := stream.Guard(func() { w.take(ctx, r, now) })
	if p, ok := errors.AsType[*stream.PanicError](err); ok {
		w.deps.Logger.Error("the stage failed at a command, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", err, "stack", string(p.Stack))
		w.out.poison(ctx, r, schemas.BadEvent{Code: schemas.CodePanicked, Message: err.Error()})
	}
}

// take puts a command where it belongs.
func (w *worker) take(ctx context.Context, r *stream.Record, now time.Time) {
	w.next = r.Offset + 1
	c, err := schemas.SplitCommand(r.Value)
	var e schemas.Event
	if err == nil {
		e, err = schemas.UnpackEvent(schemas.Key{}, c.Packed)
	}
	var s *storeSKU
	if err == nil {
		s, err = w.sku(c.Key)
	}
	if err != nil {
		w.deps.Logger.Error("a command cannot be read, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", err)
		w.out.poison(ctx, r, schemas.BadEvent{Code: schemas.CodeUnreadable, Message: err.Error()})
		return
	}
	l := w.lane(s, now)
	l.paused.set(w.isPaused(l), now)
	w.agenda.add(l)
	is := s.arrival(&e)
	if r.Offset < w.inheritedBelow && !w.clean && is == stands {
		w.owe(l, s, &e, now)
	}
	switch is {
	case finishedAlready:
		w.out.record(s, s.past.record, r.Offset)
	case loses:
		by := s.newestEvent()
		lost := skippedBy(&by, now)
		lost.QueuedAt = c.QueuedAt
		w.out.record(s, w.packed(c.Packed, &lost), r.Offset)
	case repeated:
		p := s.push(e.Position).more()
		p.repetitions = append(p.repetitions, r.Offset) // it settles the repetition as well
	case stands:
		w.stand(s, &c, &e, r.Offset, now)
	}
	w.restLater(s)
	w.assignment.Recycle(r)
}

// stand lets a command wait. It outlives its fetch, and must not keep all of that in memory.
func (w *worker) stand(s *storeSKU, c *schemas.PackedCommand, e *schemas.Event, offset int64, now time.Time) {
	p := newPush(e, bytes.Clone(c.Packed))
	p.queuedAt, p.offset, p.inherited = c.QueuedAt.UnixMilli(), offset, offset < w.inheritedBelow
	p.notBefore = s.lane.queue.since(now.Add(w.cfg.BatchLinger))
	s.newest = &p.event
	w.enqueue(s, p, e, now)
	if s.lane.hold != nil && e.Reason == schemas.PushNow {
		s.lane.hold.asked = true
	}
}

// enqueue lets a push wait whose event is e.
func (w *worker) enqueue(s *storeSKU, p *push, e *schemas.Event, now time.Time) {
	p.pause(w.pausedAlready(s.lane, p, now))
	if replaced := s.lane.queue.put(s, p); replaced != nil {
		w.skip(s, replaced, e, now)
	}
}

func (w *worker) skip(s *storeSKU, p *push, by *schemas.Event, now time.Time) {
	if p.mends() {
		return // a push of our own: its event has its record
	}
	r := skippedBy(by, now)
	r.QueuedAt, r.Attempts, r.RequestID = p.queued(), p.attempts, p.requestID()
	w.deps.Metrics.finished(&r, now)
	record := w.packed(p.packed, &r)
	if s.unsaved || by.Repeats() {
		// Nothing else will tell of a request of its that may still land, nor that it
		// was news, which is what repeats that are still to come are judged by.
		w.out.finish(s, record, p)
		return
	}
	w.out.record(s, record, p.offsets(nil)...)
}

// packed is a packed event's record, until the next is packed.
func (w *worker) packed(event []byte, r *schemas.Record) []byte {
	w.room = schemas.AppendPackedRecord(w.room[:0], event, r)
	return w.room
}

// skippedBy is a Skipped record but for its event.
func skippedBy(by *schemas.Event, now time.Time) schemas.Record {
	return schemas.SkippedBy(schemas.Event{}, by, now)
}
