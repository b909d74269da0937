package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"stockpush/channels"
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
			w.schedule.plan(sh, wake)
		}
	}
	wake := earlier(w.schedule.wake(), w.deps.Metrics.observe(w, now))
	if !wake.IsZero() {
		w.timer.Reset(max(0, time.Until(wake)))
	}
}

// step starts at most one call of a shop. If it starts none, wake is when to try again; zero
// means after the next command or answer.
func (w *worker) step(ctx context.Context, sh *shop, now time.Time) (wake time.Time, started bool) {
	sh.lane.SetPaused(w.pausing.shops[sh.id], now)
	w.write(sh, sh.lane.FailHeld(now), now)
	want, wake := sh.lane.Next(now)
	if want == lane.Nothing {
		w.deps.Pacer.Leave(sh.turn)
		return wake, false
	}
	if v, ready := w.deps.Channel.Ready(sh.id); !ready {
		w.deps.Pacer.Leave(sh.turn)
		w.write(sh, sh.lane.Refuse(v, now), now)
		_, wake = sh.lane.Next(now)
		return wake, false
	}
	if w.postponed(sh, now) {
		_, wake = sh.lane.Next(now)
		return wake, false
	}
	done, wake := w.admit(sh, now)
	if done == nil {
		return wake, false
	}
	w.start(ctx, sh, sh.lane.Start(want, now), done)
	return time.Time{}, true
}

// postponed postpones a probe if other shops are probed first, and fails the waiting pushes.
func (w *worker) postponed(sh *shop, now time.Time) bool {
	if !sh.lane.RoutineProbe() {
		return false
	}
	at := w.deps.Pacer.ProbeAt(sh.turn)
	if !at.After(now) {
		return false
	}
	sh.lane.PostponeProbe(at)
	w.write(sh, sh.lane.FailHeld(now), now)
	return true
}

// admit asks the breaker and the pacer for a call; done is nil if the call must wait.
func (w *worker) admit(sh *shop, now time.Time) (done func(error), wake time.Time) {
	if wake, blocked := sh.breaker.blocked(sh.lane.InFlight(), now); blocked {
		w.deps.Pacer.Leave(sh.turn)
		return nil, wake
	}
	if ok, wake := w.deps.Pacer.Take(sh.turn); !ok {
		return nil, wake
	}
	done, err := sh.breaker.Allow()
	if err != nil {
		return nil, now.Add(recheckAfter)
	}
	return done, time.Time{}
}

// callEnd is a finished call.
type callEnd struct {
	shop *shop
	call lane.Call
	done func(error)
	// answer is that of any call; stocks and verdict are set for a read only.
	answer  channels.Answer
	stocks  []channels.ModelStock
	verdict channels.Verdict
}

// start runs a call in a goroutine of its own.
func (w *worker) start(ctx context.Context, sh *shop, call lane.Call, done func(error)) {
	w.inFlight++
	w.calls.Go(func() {
		end := callEnd{shop: sh, call: call, done: done}
		w.perform(ctx, &end)
		select {
		case w.results <- end:
		case <-ctx.Done():
		}
	})
}

// perform makes the call. If the channel panics, the outcome of this call is unknown.
func (w *worker) perform(ctx context.Context, end *callEnd) {
	err := stream.Guard(func() { w.call(ctx, end) })
	p, panicked := errors.AsType[*stream.PanicError](err)
	if !panicked {
		return
	}
	w.deps.Logger.Error("the channel panicked", "shop_id", end.shop.id, "error", err, "stack", string(p.Stack))
	v := channels.Verdict{Outcome: channels.Unknown, Code: schemas.UnknownFailure, Message: "stockpush failed at the answer: " + err.Error()}
	end.verdict, end.answer = v, channels.Answer{Calls: 1, Verdicts: slices.Repeat([]channels.Verdict{v}, max(1, len(end.call.Lines)))}
}

func (w *worker) call(ctx context.Context, end *callEnd) {
	if end.call.Want == lane.Push {
		end.answer = w.deps.Channel.Push(ctx, channels.Call{
			ShopID: end.shop.id, ItemID: end.call.ItemID, Lines: end.call.Lines, Alive: w.assignment.Alive,
		})
		return
	}
	end.stocks, end.verdict = w.deps.Channel.Read(ctx, end.shop.id, end.call.ItemID)
	end.answer = lane.ReadAnswer(end.verdict)
}

// endCalls applies a call's answer and those that arrived meanwhile, so that one turn writes their
// outcomes. The next calls start at once.
func (w *worker) endCalls(ctx context.Context, end callEnd) {
	for applied := 1; ; applied++ {
		w.endCall(&end)
		w.dispatch(ctx)
		if applied == maxTurnCalls {
			return
		}
		select {
		case end = <-w.results:
		default:
			return
		}
	}
}

func (w *worker) endCall(end *callEnd) {
	now := time.Now()
	w.inFlight--
	sh := end.shop
	sh.breaker.report(end.done, lane.HealthOf(&end.answer), now)
	w.deps.Metrics.called(&end.answer)
	if end.call.Want == lane.Push {
		w.write(sh, sh.lane.Pushed(&end.call, &end.answer, now), now)
	} else {
		w.write(sh, sh.lane.Read(&end.call, end.stocks, end.verdict, now), now)
	}
	w.schedule.add(sh)
}
