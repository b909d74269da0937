package channels

import (
	"bytes"
	"context"
	"errors"
	"strings"
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
	stale := map[*storeSKU]bool{}
	lastOwner := ""
	err = w.deps.History.States(ctx, w.assignment.Partition(), func(r *stream.Record) error {
		if string(r.Key) == ownerKey {
			lastOwner = string(r.Value)
		}
		key, err := schemas.ParseKey(string(r.Key))
		if err != nil {
			return nil // what is kept of the log itself, not of a store SKU
		}
		if len(r.Value) == 0 {
			w.remember(schemas.State{Key: key, Newest: schemas.Event{RepeatsOffset: schemas.NoOffset}}) // it was taken back
			return nil
		}
		state, err := schemas.DecodeState(bytes.Clone(r.Value)) // the states outlive their fetch
		if err != nil {
			w.unreadable(ctx, r, err)
			return nil
		}
		s := w.sku(state.Key)
		if state.Stale(s.state()) {
			stale[s] = true
			return nil
		}
		delete(stale, s)
		w.remember(state)
		newest.Take(state.Newest.Position)
		return nil
	})
	if err != nil {
		return err
	}
	for s := range stale {
		w.out.state(s) // so that compaction keeps the right one
	}
	w.clean = lastOwner != "" && backlog.Mark == cleanMark(lastOwner)
	if err := w.claim(ctx); err != nil || w.deps.Verify == nil {
		return err
	}
	return w.deps.Verify(ctx, newest)
}

func (w *worker) remember(state schemas.State) {
	s := w.sku(state.Key)
	s.restore(&state)
	if state.Readback != nil {
		l := w.lane(state.Key.Shop())
		l.owed[s] = struct{}{}
		w.agenda.add(l)
	} else if l := w.lanes[state.Key.Shop()]; l != nil {
		delete(l.owed, s)
	}
}

// unreadable puts a state aside. Its store SKU is as one without a state, until
// its next push writes another.
func (w *worker) unreadable(ctx context.Context, r *stream.Record, cause error) {
	w.deps.Logger.Error("a state cannot be read, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", cause)
	w.out.putAside(ctx, r, schemas.BadEvent{Code: schemas.CodeUnreadable, Message: cause.Error()}, func(context.Context) {})
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
	c, err := schemas.DecodeCommand(r.Value)
	if err != nil {
		w.deps.Logger.Error("a command cannot be read, it goes to the dead letters", "partition", r.Partition, "offset", r.Offset, "error", err)
		w.out.poison(ctx, r, schemas.BadEvent{Code: schemas.CodeUnreadable, Message: err.Error()})
		return
	}
	// The command outlives its fetch; do not keep the whole fetch in memory for it.
	c = detached(c)
	s := w.sku(c.Key)
	l := w.lane(c.Key.Shop())
	l.paused.set(w.isPaused(l), now)
	w.agenda.add(l)
	is := s.arrival(&c.Event)
	if r.Offset < w.inheritedBelow && !w.clean && is == stands {
		w.owe(l, s, &c.Event, now)
	}
	switch is {
	case finished:
		w.out.record(ctx, *s.finished, []int64{r.Offset})
	case loses:
		w.out.record(ctx, skippedCommand(&c, s.newest, now), []int64{r.Offset})
	case repeated:
		p := s.push(c.Position)
		p.offsets = append(p.offsets, r.Offset) // it settles the repetition as well
	case stands:
		s.newest = &c.Event
		p := &push{Command: &c, offsets: []int64{r.Offset}, notBefore: now.Add(w.cfg.BatchLinger), inherited: r.Offset < w.inheritedBelow}
		w.enqueue(ctx, l, s, p, now)
		if l.hold != nil && c.Reason == schemas.PushNow {
			l.hold.asked = true
		}
	}
}

func (w *worker) enqueue(ctx context.Context, l *lane, s *storeSKU, p *push, now time.Time) {
	p.pausedBefore = w.pausedAlready(l, p, now)
	if replaced := l.queue.put(s, p); replaced != nil {
		w.skip(ctx, s, replaced, &p.Event, now)
	}
}

func (w *worker) skip(ctx context.Context, s *storeSKU, p *push, by *schemas.Event, now time.Time) {
	if p.mends() {
		return // a push of our own: its event has its record
	}
	r := skippedCommand(p.Command, by, now)
	r.Attempts, r.RequestID = p.attempts, p.requestID()
	w.deps.Metrics.finished(&r)
	if s.unsaved || by.Repeats() {
		// Nothing else will tell of a request of its that may still land, nor that it
		// was news, which is what repeats that are still to come are judged by.
		w.out.finish(ctx, r, s, p.offsets)
		return
	}
	w.out.record(ctx, r, p.offsets)
}

func skippedCommand(c *schemas.Command, by *schemas.Event, now time.Time) schemas.Record {
	r := schemas.SkippedBy(c.Event, by, now)
	r.QueuedAt = c.QueuedAt
	return r
}

func detached(c schemas.Command) schemas.Command {
	c.EventID, c.MerchantSKU = strings.Clone(c.EventID), strings.Clone(c.MerchantSKU)
	c.LocationID, c.RetryOf = strings.Clone(c.LocationID), strings.Clone(c.RetryOf)
	return c
}
