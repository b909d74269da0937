package pacer

import (
	"slices"
	"time"
)

const (
	// maxLate is how much later than usual a call may arrive and still be accounted for.
	maxLate = 250 * time.Millisecond
	// usualRise is the part by which the usual time rises with a call that took longer: slowly, so
	// that a server that answers late for a second does not pass for a slower one.
	usualRise = 32
	// unevenness is by how much less than usual a call may take.
	unevenness = 20 * time.Millisecond
)

// window sees that at most a number of calls arrive within any second, however unevenly they
// travel. The spacing of calls alone does not: one that arrives late falls into the next second.
//
// A call counts until a second after it can have arrived. It has arrived when it is answered, and
// what its answer took longer than usual may all have passed before. It is pure: no clock, no lock.
type window struct {
	// calls are the last ones, in the order in which they started.
	calls []paced
	// usual is about the least time that an answer took lately.
	usual time.Duration
}

// paced is a call; answered is zero while its answer is due.
type paced struct{ started, answered time.Time }

// readyAt is the earliest time of the next call, if at most some calls may arrive within a second.
func (w *window) readyAt(calls int, now time.Time) time.Time {
	if len(w.calls) < calls {
		return time.Time{}
	}
	return w.arrived(w.calls[len(w.calls)-calls], now).Add(time.Second + unevenness)
}

// arrived is when a call can have arrived at the latest. It leaves out the usual time, which every
// call takes.
func (w *window) arrived(c paced, now time.Time) time.Time {
	if !c.answered.IsZero() {
		now = c.answered
	}
	return c.started.Add(max(0, min(now.Sub(c.started)-w.usual, maxLate)))
}

// start accounts for a call that starts now. It remembers twice as many as may arrive within a second.
func (w *window) start(calls int, now time.Time) {
	if len(w.calls) >= 2*calls+1 {
		w.calls = slices.Delete(w.calls, 0, len(w.calls)-calls)
	}
	w.calls = append(w.calls, paced{started: now})
}

// answer accounts for the answer of the call that started at a time.
func (w *window) answer(started, now time.Time) {
	i, found := slices.BinarySearchFunc(w.calls, started, func(c paced, at time.Time) int { return c.started.Compare(at) })
	if !found || !w.calls[i].answered.IsZero() {
		return
	}
	w.calls[i].answered = now
	took := now.Sub(started)
	if w.usual > 0 {
		took = min(took, w.usual+w.usual/usualRise+time.Microsecond)
	}
	w.usual = took
}

// forget stops waiting for the answer of the last call.
func (w *window) forget() {
	last := &w.calls[len(w.calls)-1]
	last.answered = last.started
}
