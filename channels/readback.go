package channels

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stockpush/schemas"
)

// stepReadback reads an item back of which a model's last success followed a request
// of unknown outcome. wake is when the queue wants to be looked at.
func (w *worker) stepReadback(ctx context.Context, l *lane, now, wake time.Time) (bool, time.Time) {
	for s := range l.owed {
		duty := s.readback()
		if duty == nil {
			delete(l.owed, s)
			continue
		}
		if !s.mayBeRead() {
			continue // the next success is read back, or inherits the duty
		}
		if duty.NotBefore.After(now) {
			if wake.IsZero() || duty.NotBefore.Before(wake) {
				wake = duty.NotBefore
			}
			continue
		}
		done, at := w.admit(l, now)
		if done == nil {
			return false, at
		}
		w.read(ctx, l, l.dueWith(s, now), done)
		return true, time.Time{}
	}
	return false, wake
}

// mayBeRead says that what the model shows can be compared with a success.
func (s *storeSKU) mayBeRead() bool {
	return s.idle() && !s.reading && s.past != nil && s.past.status == schemas.Successfully
}

// isDue says that a read-back should have begun.
func (s *storeSKU) isDue(now time.Time) bool {
	return s.readback() != nil && s.mayBeRead() && !s.readback().NotBefore.After(now)
}

// maxLost is how many lost quantities are remembered. A model has one call in
// flight, so when so many followed it the oldest has long landed or never will.
const maxLost = 16

// owe remembers that a request of unknown outcome may have carried the event.
func (w *worker) owe(l *lane, s *storeSKU, lost *schemas.Event, now time.Time) {
	duty := &schemas.Readback{
		ItemID: lost.ItemID, ModelID: lost.ModelID, Lost: []int64{lost.PushQty()}, BeforeQty: s.confirmed(),
		NotBefore: now.Add(w.cfg.ConfirmAfter),
	}
	if earlier := s.readback(); earlier != nil && earlier.ItemID == duty.ItemID && earlier.ModelID == duty.ModelID {
		duty.Lost = lostBefore(earlier.Lost, lost.PushQty())
	}
	s.history().readback, s.unsaved = duty, true
	l.owed[s] = struct{}{}
}

// lostBefore adds a quantity to those that were lost before it.
func lostBefore(earlier []int64, qty int64) []int64 {
	lost := append(slices.DeleteFunc(slices.Clone(earlier), func(q int64) bool { return q == qty }), qty)
	return lost[max(0, len(lost)-maxLost):]
}

// dueWith is a store SKU that is due, and those of its item that are due as well: a lost
// call leaves as many as it had models, and a crash all of them.
func (l *lane) dueWith(first *storeSKU, now time.Time) []*storeSKU {
	itemID := unpacked(first.lastEvent()).ItemID
	together := []*storeSKU{first}
	for s := range l.owed {
		if s != first && s.isDue(now) && s.readback().ItemID == itemID && unpacked(s.lastEvent()).ItemID == itemID {
			together = append(together, s)
		}
	}
	return together
}

// read reads the item that store SKUs are of, and confirms each of them.
func (w *worker) read(ctx context.Context, l *lane, of []*storeSKU, done func(error)) {
	questions := make([]asked, len(of))
	for i, s := range of {
		questions[i] = s.ask()
	}
	itemID := unpacked(of[0].lastEvent()).ItemID
	l.flying++
	w.fly(ctx, func() func(time.Time) {
		stocks, v := w.readItem(ctx, l.shop.ID, itemID)
		return func(now time.Time) {
			w.readLanded(l, v, done, now)
			for i, s := range of {
				s.reading = false
				w.confirm(l, s, reading{questions[i], stocks, v}, now)
			}
		}
	})
}

// readLanded applies what a read says about more than its item.
func (w *worker) readLanded(l *lane, v Verdict, done func(error), now time.Time) {
	l.flying--
	w.agenda.add(l)
	a := Answer{Verdicts: []Verdict{v}, Calls: 1, Failure: v.Code.Class() == schemas.ClassInfrastructure}
	l.report(done, a, w.cfg.Breaker, now)
	w.deps.Metrics.called(a)
	itemID := int64(0)
	if l.hold != nil {
		itemID = l.hold.itemID
	}
	w.learn(l, itemID, a, now)
}

// asked is what was to be confirmed of a store SKU when a read began.
type asked struct {
	duty *schemas.Readback
	of   schemas.Position
}

func (s *storeSKU) ask() asked {
	s.reading = true
	return asked{duty: s.readback(), of: s.finishedAt()}
}

// reading is what a read-back came to.
type reading struct {
	asked
	stocks  []ModelStock
	verdict Verdict
}

// confirm compares what the model shows with what was sent, and pushes it again
// if the lost request may have landed over it.
func (w *worker) confirm(l *lane, s *storeSKU, r reading, now time.Time) {
	duty := s.readback()
	if duty == nil || !s.idle() || duty != r.duty || s.finishedAt() != r.of {
		return // a newer push inherits the duty
	}
	if r.verdict.Outcome != Confirmed {
		duty.NotBefore = now.Add(w.cfg.ConfirmAfter)
		return
	}
	last := s.last()
	shown, found := stockOf(r.stocks, &last.Event)
	if found && mustPushAgain(shown, last.PushQty(), duty) {
		w.deps.Metrics.repaired.Inc()
		duty.NotBefore = now.Add(w.cfg.ConfirmAfter)
		mend := newPush(&last.Event, bytes.Clone(s.lastEvent()))
		mend.queuedAt, mend.offset, mend.attempts = last.QueuedAt.UnixMilli(), schemas.NoOffset, last.Attempts
		mend.notBefore = l.queue.since(now)
		w.enqueue(s, mend, &last.Event, now)
		return
	}
	s.past.readback = nil
	delete(l.owed, s)
	w.out.state(s)
	w.restLater(s)
}

// notMended keeps the duty of a push that was to mend what a lost request did, and
// was refused: its record stays Successfully, so nobody else would try again.
func (w *worker) notMended(s *storeSKU, v *Verdict, now time.Time) {
	w.deps.Logger.Warn("an older quantity that landed late could not be mended, it will be tried again",
		"store_sku", s.key, "code", v.Code, "said", v.Message, "hint", v.Code.Hint())
	duty := *s.readback()
	duty.NotBefore = now.Add(w.cfg.ProbeInterval)
	s.past.readback = &duty
	w.out.state(s)
}

func stockOf(stocks []ModelStock, e *schemas.Event) (qty int64, found bool) {
	for _, s := range stocks {
		if s.ModelID == e.ModelID && (e.LocationID == "" || s.LocationID == e.LocationID) {
			return s.Qty, true
		}
	}
	return 0, false
}

// mustPushAgain says whether a model shows what a lost request or the time
// before it explains; less than was sent is what buyers took since.
func mustPushAgain(shown, sent int64, duty *schemas.Readback) bool {
	before := duty.BeforeQty != nil && *duty.BeforeQty == shown
	return shown != sent && (shown > sent || slices.Contains(duty.Lost, shown) || before)
}
