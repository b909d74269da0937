package worker

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/due"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
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
	for sh, ok := w.schedule.First(); ok && !sh.At().After(now); sh, ok = w.schedule.First() {
		w.schedule.Remove(sh)
		wake, again := time.Time{}, true
		for again {
			wake, again = w.step(ctx, sh, now)
		}
		if !wake.IsZero() {
			w.schedule.Put(sh, wake)
		}
	}
	wake := w.observe(now)
	if first, ok := w.schedule.First(); ok {
		wake = due.Earlier(wake, first.At())
	}
	if !wake.IsZero() {
		w.timer.Reset(max(0, time.Until(wake)))
	}
}

// step starts at most one call of a shop. again says that the shop may have another one;
// otherwise wake is when to try again, and zero means after the next command or answer.
func (w *worker) step(ctx context.Context, sh *shop, now time.Time) (wake time.Time, again bool) {
	w.did(sh, sh.lane.FailHeld(now))
	call, wake := sh.lane.Next(now)
	if call.Want == lane.Nothing {
		w.deps.Pacer.Leave(sh.turn)
		return wake, false
	}
	if v, ready := w.deps.Channel.Ready(sh.ID); !ready {
		w.did(sh, sh.lane.Refuse(&call, v, now))
		return time.Time{}, true
	}
	if sh.lane.RoutineProbe() {
		if at := w.deps.Pacer.ProbeAt(sh.turn); at.After(now) { // other shops are probed first
			sh.lane.PostponeProbe(at)
			return time.Time{}, true
		}
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

// admit asks the breaker and the pacer for a call that the lane wants. If one of them does not
// allow it, end is nil, and wake is when to ask again.
func (w *worker) admit(sh *shop, call lane.Call, now time.Time) (end *callEnd, wake time.Time) {
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
	// answer is that of any call; stocks are what a read showed.
	answer channels.Answer
	stocks []channels.ModelStock
}

// start makes a call in a goroutine of its own. If the channel panics, the call's outcome is
// unknown.
func (w *worker) start(ctx context.Context, c *callEnd) {
	w.inFlight++
	w.calls.Go(func() {
		panicked := stream.Guard(func() { w.perform(ctx, c) })
		w.deps.Pacer.Answered(c.paced)
		if panicked != nil {
			w.deps.Logger.Error("the channel panicked", "shop_id", c.shop.ID, "error", panicked, "stack", string(panicked.Stack))
			v := channels.Verdict{Outcome: channels.Unknown, Code: schemas.UnknownFailure, Message: "stockpush failed at the answer: " + panicked.Error()}
			c.answer = channels.Answer{Calls: 1, Verdicts: slices.Repeat([]channels.Verdict{v}, max(1, len(c.call.Lines)))}
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
			ShopID: c.shop.ID, ItemID: c.call.ItemID, Lines: c.call.Lines, Alive: w.assignment.Alive,
		})
		return
	}
	stocks, v := w.deps.Channel.Read(ctx, c.shop.ID, c.call.ItemID)
	c.stocks, c.answer = stocks, lane.ReadAnswer(v)
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
	w.deps.Logger.DebugContext(ctx, "call ended", "call", call, "shop_id", c.shop.ID, "item_id", c.call.ItemID, "models", len(c.call.Lines),
		"answers", answers, "duration", time.Since(began))
}

// endCall applies a call's answer.
func (w *worker) endCall(c *callEnd) {
	now := time.Now()
	w.inFlight--
	sh := c.shop
	sh.breaker.Report(&c.answer, c.done, now)
	var r lane.Result
	if c.call.Want == lane.Push {
		r = sh.lane.Pushed(&c.call, &c.answer, now)
	} else {
		r = sh.lane.Read(&c.call, c.stocks, &c.answer, now)
	}
	w.deps.Metrics.answered(&c.answer, &r)
	w.noteTried(r.Tried)
	w.throttle(sh, r.Throttled, now)
	w.did(sh, r)
	w.visit(sh)
}

// throttle passes the refusal of a throttled call, nil for none, to the pacer.
func (w *worker) throttle(sh *shop, v *channels.Verdict, now time.Time) {
	if v == nil {
		return
	}
	by := pacer.Throttling{Until: v.HoldUntil, App: v.Scope == channels.ScopeApp, Quota: v.Code == schemas.DailyQuotaExhausted, Message: v.Message}
	if w.deps.Pacer.Throttle(sh.turn, by, now) {
		w.deps.Logger.Warn("app held", "until", v.HoldUntil, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
	}
}

// step is a lane's step of this pass of the loop.
type step struct {
	shop *shop
	lane.Result
}

// did notes a lane's step, which flush carries out at the end of this pass.
func (w *worker) did(sh *shop, r lane.Result) {
	if len(r.Outcomes)+len(r.Repush)+len(r.Notices) > 0 {
		w.steps = append(w.steps, step{sh, r})
	}
}

// visit schedules a shop for now. A shop that is not scheduled waits for a command or an answer.
func (w *worker) visit(sh *shop) {
	if !sh.Queued() || !sh.At().IsZero() {
		w.schedule.Put(sh, time.Time{})
	}
}
