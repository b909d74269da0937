package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/lane"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// dispatch starts every call that may start now and sets the timer for the next one. It visits
// only shops that are scheduled for now.
func (w *worker) dispatch(ctx context.Context) {
	if w.draining || !w.caughtUp() {
		return
	}
	if !w.assignment.Alive() {
		w.recheck.Reset(recheckAfter)
		return
	}
	now := time.Now()
	for sh := w.schedule.next(now); sh != nil; sh = w.schedule.next(now) {
		wake, started := time.Time{}, true
		for started {
			wake, started = w.step(ctx, sh, now)
		}
		if !wake.IsZero() {
			w.schedule.later.Put(sh, wake)
		}
	}
	wake := due.Earlier(w.schedule.wake(), w.observe(now))
	if !wake.IsZero() {
		w.timer.Reset(max(0, time.Until(wake)))
	}
}

// step starts at most one call of a shop. If it starts none, wake is when to try again; zero
// means after the next command or answer.
func (w *worker) step(ctx context.Context, sh *shop, now time.Time) (wake time.Time, started bool) {
	sh.lane.SetPaused(w.pausing.shops[sh.id], now)
	w.write(sh, sh.lane.FailHeld(now), now)
	call, wake := sh.lane.Next(now)
	if call.Want == lane.Nothing {
		w.deps.Pacer.Leave(sh.turn)
		return wake, false
	}
	end, wake := w.admit(sh, call, now)
	if end == nil {
		return wake, false
	}
	sh.lane.Start(&end.call, now)
	w.tracing.started(&end.call, now)
	w.start(ctx, end)
	return time.Time{}, true
}

// admit asks the channel, the plan of probes, the breaker and the pacer for a call that the lane
// wants. If one of them does not allow it, end is nil, and wake is when to ask again.
func (w *worker) admit(sh *shop, call lane.Call, now time.Time) (end *callEnd, wake time.Time) {
	if v, ready := w.deps.Channel.Ready(sh.id); !ready {
		w.deps.Pacer.Leave(sh.turn)
		w.write(sh, sh.lane.Refuse(&call, v, now), now)
		_, wake = sh.lane.Next(now)
		return nil, wake
	}
	if sh.lane.RoutineProbe() {
		if at := w.deps.Pacer.ProbeAt(sh.turn); at.After(now) { // other shops are probed first
			sh.lane.PostponeProbe(at)
			w.write(sh, sh.lane.FailHeld(now), now)
			_, wake = sh.lane.Next(now)
			return nil, wake
		}
	}
	if wake, blocked := sh.breaker.Blocked(sh.lane.InFlight(), now); blocked {
		w.deps.Pacer.Leave(sh.turn)
		return nil, wake
	}
	ok, at := w.deps.Pacer.Take(sh.turn)
	if !ok {
		return nil, at
	}
	done, err := sh.breaker.Allow()
	if err != nil {
		return nil, now.Add(recheckAfter)
	}
	return &callEnd{shop: sh, call: call, paced: at, done: done}, time.Time{}
}

// callEnd is a call, and its answer when it ended.
type callEnd struct {
	shop *shop
	call lane.Call
	// paced is when the pacer allowed it.
	paced time.Time
	done  func(error)
	// answer is that of any call; stocks and verdict are set for a read only.
	answer  channels.Answer
	stocks  []channels.ModelStock
	verdict channels.Verdict
}

// start makes a call in a goroutine of its own. If the channel panics, the call's outcome is
// unknown.
func (w *worker) start(ctx context.Context, c *callEnd) {
	w.inFlight++
	w.calls.Go(func() {
		err := stream.Guard(func() { w.perform(ctx, c) })
		w.deps.Pacer.Answered(c.paced)
		if p, panicked := errors.AsType[*stream.PanicError](err); panicked {
			w.deps.Logger.Error("the channel panicked", "shop_id", c.shop.id, "error", err, "stack", string(p.Stack))
			v := channels.Verdict{Outcome: channels.Unknown, Code: schemas.UnknownFailure, Message: "stockpush failed at the answer: " + err.Error()}
			c.verdict, c.answer = v, channels.Answer{Calls: 1, Verdicts: slices.Repeat([]channels.Verdict{v}, max(1, len(c.call.Lines)))}
		}
		select {
		case w.results <- c:
		case <-ctx.Done():
		}
	})
}

func (w *worker) perform(ctx context.Context, c *callEnd) {
	if w.deps.Logger.Enabled(ctx, slog.LevelDebug) {
		defer w.logCall(ctx, c, time.Now())
	}
	if c.call.Want == lane.Push {
		c.answer = w.deps.Channel.Push(ctx, channels.Call{
			ShopID: c.shop.id, ItemID: c.call.ItemID, Lines: c.call.Lines, Alive: w.assignment.Alive,
		})
		return
	}
	c.stocks, c.verdict = w.deps.Channel.Read(ctx, c.shop.id, c.call.ItemID)
	c.answer = lane.ReadAnswer(c.verdict)
}

// logCall logs a call that ended, at debug.
func (w *worker) logCall(ctx context.Context, c *callEnd, began time.Time) {
	call := "read"
	if c.call.Want == lane.Push {
		call = "push"
	}
	var answers []string
	for _, v := range c.answer.Verdicts {
		answer := string(v.Code)
		if v.Outcome == channels.Confirmed {
			answer = "confirmed"
		}
		answers = append(answers, answer)
	}
	w.deps.Logger.DebugContext(ctx, "call ended", "call", call, "shop_id", c.shop.id, "item_id", c.call.ItemID, "models", len(c.call.Lines),
		"answers", answers, "duration", time.Since(began))
}

// endCall applies a call's answer.
func (w *worker) endCall(c *callEnd) {
	now := time.Now()
	w.inFlight--
	sh := c.shop
	sh.breaker.Report(&c.answer, c.done, now)
	w.deps.Metrics.called(&c.answer)
	if c.call.Want == lane.Push {
		w.write(sh, sh.lane.Pushed(&c.call, &c.answer, now), now)
	} else {
		w.write(sh, sh.lane.Read(&c.call, c.stocks, c.verdict, now), now)
	}
	w.schedule.add(sh)
}

// schedule has the shops to visit now, in the order in which they were added, and those to visit
// later, by time. A shop in neither waits for a command or an answer.
type schedule struct {
	ready []*shop
	later due.Queue[*shop]
}

// add schedules a shop for now.
func (q *schedule) add(sh *shop) {
	if !sh.ready {
		sh.ready = true
		q.ready = append(q.ready, sh)
	}
}

// next removes and returns the next shop to visit; nil if none is due.
func (q *schedule) next(now time.Time) *shop {
	for first, ok := q.later.First(); ok && !first.At().After(now); first, ok = q.later.First() {
		q.later.Remove(first)
		q.add(first)
	}
	if len(q.ready) == 0 {
		q.ready = nil
		return nil
	}
	sh := q.ready[0]
	q.ready[0], q.ready = nil, q.ready[1:]
	sh.ready = false
	q.later.Remove(sh)
	return sh
}

// wake is when the next later shop is due; zero for never.
func (q *schedule) wake() time.Time {
	if first, ok := q.later.First(); ok {
		return first.At()
	}
	return time.Time{}
}
