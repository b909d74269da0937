package channels

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// idlePoll is how soon a lane that cannot tell when it may go on looks again.
const idlePoll = 100 * time.Millisecond

// dispatch starts every call that may start now, and sets the timer for the
// next one. It looks only at lanes to which something happened, or whose time has come.
func (w *worker) dispatch(ctx context.Context, now time.Time) {
	for l := w.agenda.next(now); l != nil; l = w.agenda.next(now) {
		started, wake := true, time.Time{}
		for started {
			started, wake = w.step(ctx, l, now)
		}
		if !wake.IsZero() {
			w.agenda.plan(l, wake)
		}
		if !l.asked {
			w.pacer.leave(l.turn)
		}
	}
	if wake := w.agenda.wake(); !wake.IsZero() {
		w.timer.Reset(max(0, time.Until(wake)))
	}
	w.deps.Metrics.observe(w, now)
}

// step starts at most one call of a lane; else it says when to look again, zero
// for never: then a command or a result lets it be looked at.
func (w *worker) step(ctx context.Context, l *lane, now time.Time) (started bool, wake time.Time) {
	l.asked = false
	paused := w.isPaused(l)
	l.paused.set(paused, now)
	if l.queue.size == 0 && len(l.owed) == 0 && l.hold == nil {
		return false, time.Time{}
	}
	if paused || !w.assignment.Alive() {
		return false, now.Add(idlePoll)
	}
	if l.hold != nil {
		if wake, blocked := w.stepHeld(ctx, l, now); blocked {
			return false, wake
		}
	}
	if l.flying >= w.cfg.ShopConcurrency {
		return false, time.Time{}
	}
	it, wake := l.queue.next(now)
	if it == nil {
		return w.stepReadback(ctx, l, now, wake)
	}
	done, wake := w.admit(l, now)
	if done == nil {
		return false, wake
	}
	w.send(ctx, l, it, done)
	return true, time.Time{}
}

// admit asks the breaker and the pacer; done is nil if the call must wait.
func (w *worker) admit(l *lane, now time.Time) (done func(error), wake time.Time) {
	switch l.breaker.State() {
	case gobreaker.StateOpen:
		return nil, later(l.openUntil, now.Add(time.Millisecond))
	case gobreaker.StateHalfOpen:
		if l.flying > 0 {
			return nil, time.Time{}
		}
	}
	l.asked = true
	if ok, wake := w.pacer.take(l.turn); !ok {
		return nil, wake
	}
	done, err := l.breaker.Allow()
	if err != nil {
		return nil, now.Add(idlePoll)
	}
	return done, time.Time{}
}

// leaveLine gives up what the worker's lanes wait for.
func (w *worker) leaveLine() {
	for _, l := range w.lanes {
		w.pacer.leave(l.turn)
	}
}

// send starts a call with what waits for an item.
func (w *worker) send(ctx context.Context, l *lane, it *item, done func(error)) {
	now := time.Now()
	going := l.queue.depart(it, now.Add(w.cfg.BatchLinger), w.deps.Channel.MaxLines()) // those that only linger go along
	call := Call{ShopID: l.shop.ID, ItemID: it.id, Alive: w.assignment.Alive, Lines: make([]Line, 0, len(going))}
	for _, s := range going {
		p := s.flying
		p.final = p.age(l, now) > w.cfg.MaxPendingAge
		past := s.history()
		past.sent, past.sentQty = p.Position, p.qty
		call.Lines = append(call.Lines, Line{ModelID: p.modelID, LocationID: p.locationID(), Qty: p.qty})
	}
	if l.hold != nil {
		l.hold.probing, l.hold.lastProbe, l.hold.asked = true, now, false
	}
	l.flying++
	w.fly(ctx, func() func(time.Time) {
		answer := w.push(ctx, call)
		return func(now time.Time) { w.landed(landing{l, it, going, done, answer}, now) }
	})
}

// push makes a call. A channel that fails at an answer by a mistake of its own has
// an outcome that nobody knows, and takes nobody else down.
func (w *worker) push(ctx context.Context, call Call) (answer Answer) {
	err := stream.Guard(func() { answer = w.deps.Channel.Push(ctx, call) })
	if v, panicked := w.panicked(call.ShopID, err); panicked {
		answer = Answer{Calls: 1, Verdicts: slices.Repeat([]Verdict{v}, len(call.Lines))}
	}
	return answer
}

// readItem reads an item, under the same guard.
func (w *worker) readItem(ctx context.Context, shopID, itemID int64) (stocks []ModelStock, v Verdict) {
	err := stream.Guard(func() { stocks, v = w.deps.Channel.Read(ctx, shopID, itemID) })
	if mistake, panicked := w.panicked(shopID, err); panicked {
		return nil, mistake
	}
	return stocks, v
}

func (w *worker) panicked(shopID int64, err error) (Verdict, bool) {
	p, ok := errors.AsType[*stream.PanicError](err)
	if ok {
		w.deps.Logger.Error("the channel failed at an answer", "shop_id", shopID, "error", err, "stack", string(p.Stack))
		return Verdict{Outcome: Unknown, Code: schemas.UnknownFailure, Message: "stockpush failed at the answer: " + err.Error()}, true
	}
	return Verdict{}, false
}

// stepHeld lets one push through as a probe when one is due, or a read where no
// push waits, and fails the others.
func (w *worker) stepHeld(ctx context.Context, l *lane, now time.Time) (wake time.Time, blocked bool) {
	switch due := l.hold.probeDue(now, w.deps.Channel.Credentials(l.shop.ID)); {
	case l.hold.probing:
		return time.Time{}, true
	case due && l.queue.size > 0:
		return time.Time{}, false
	case due:
		return w.probeByRead(ctx, l, now), true
	}
	for _, s := range l.queue.all() {
		p := l.queue.remove(s)
		w.fail(s, p, &l.hold.verdict, now)
	}
	return now.Add(idlePoll), true
}

// probeByRead asks a held shop for an item; wake is when to try if it may not yet.
func (w *worker) probeByRead(ctx context.Context, l *lane, now time.Time) (wake time.Time) {
	done, wake := w.admit(l, now)
	if done == nil {
		return wake
	}
	l.hold.probing, l.hold.lastProbe, l.hold.asked = true, now, false
	l.flying++
	itemID := l.hold.itemID
	w.fly(ctx, func() func(time.Time) {
		_, v := w.readItem(ctx, l.shop.ID, itemID)
		return func(now time.Time) { w.readLanded(l, v, done, now) }
	})
	return time.Time{}
}
