package channels

import (
	"context"
	"fmt"
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
	err = w.deps.History.States(ctx, w.assignment.Partition(), func(r *stream.Record) error {
		if _, err := schemas.ParseKey(string(r.Key)); err != nil {
			return nil // what is kept of the log itself, not of a store SKU
		}
		state, err := schemas.DecodeState(r.Value)
		if err != nil {
			return fmt.Errorf("restore %s: %w", r.Key, err)
		}
		s := w.sku(state.Key)
		if state.Stale(&s.state) {
			stale[s] = true
			return nil
		}
		delete(stale, s)
		s.state = state
		newest.Take(state.Newest.Position)
		if state.Readback != nil {
			l := w.lane(state.Key.Shop())
			l.owed[s] = struct{}{}
			w.agenda.add(l)
		} else if l := w.lanes[state.Key.Shop()]; l != nil {
			delete(l.owed, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for s := range stale {
		w.out.state(s) // so that compaction keeps the right one
	}
	if w.deps.Verify == nil {
		return nil
	}
	return w.deps.Verify(ctx, newest)
}

// take puts a command where it belongs.
func (w *worker) take(ctx context.Context, r *stream.Record, now time.Time) {
	w.next = r.Offset + 1
	c, err := schemas.DecodeCommand(r.Value)
	if err != nil {
		w.out.poison(ctx, r, err)
		return
	}
	// The command outlives its fetch; do not keep the whole fetch in memory for it.
	c = detached(c)
	s := w.sku(c.Key)
	l := w.lane(c.Key.Shop())
	l.paused.set(w.isPaused(l), now)
	w.agenda.add(l)
	is := s.arrival(&c.Event)
	if r.Offset < w.inheritedBelow && is == stands {
		w.owe(l, s, &c.Event, now)
	}
	switch is {
	case finished:
		w.out.record(ctx, s.state.Finished, []int64{r.Offset})
	case loses:
		w.out.record(ctx, skippedCommand(&c, &s.state.Newest, now), []int64{r.Offset})
	case repeated:
		p := s.push(c.Position)
		p.offsets = append(p.offsets, r.Offset) // it settles the repetition as well
	case stands:
		s.state.Newest = c.Event
		p := &push{Command: c, offsets: []int64{r.Offset}, notBefore: now.Add(w.cfg.BatchLinger), inherited: r.Offset < w.inheritedBelow}
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
	if len(p.offsets) == 0 {
		return // a push of our own: its event has its record
	}
	r := skippedCommand(&p.Command, by, now)
	r.Attempts, r.RequestID = p.attempts, p.last.RequestID
	w.deps.Metrics.finished(&r)
	if s.unsaved {
		w.out.finish(ctx, r, s, p.offsets) // its request may still land, and nothing else will tell of it
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
