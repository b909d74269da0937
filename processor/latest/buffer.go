// Package latest is the latest-wins buffer: of each store SKU it keeps the
// newest event until its window closes.
//
// It owns the windows and the choice between events of one store SKU. It is
// pure: it has no clock (the caller says what time it is), no lock, no
// goroutine and no I/O. It never blocks, and one goroutine owns it. Events wait
// packed, so that a waiting store SKU costs at most 256 bytes beside its key.
package latest

import (
	"time"

	"stockpush/schemas"
)

// Verdict says what Put did with an event.
type Verdict uint8

// The verdicts.
const (
	// Opened: no window was open; the event opened one.
	Opened Verdict = iota + 1
	// Replaced: the event now waits in place of the losers.
	Replaced
	// Beaten: the event only repeats older quantities, and what waits beats it.
	Beaten
	// Joined: the event waits beside an earlier repeat, since only the
	// channel worker, which knows the state, can choose between the two.
	Joined
)

// Result is the answer of Put.
type Result struct {
	Verdict Verdict
	// Entry is the window that the event met or opened, valid until it leaves.
	Entry *Entry
	// Losers are the events that this one replaced, oldest first.
	// They are valid until the next Put.
	Losers []Waiting
}

// Config sets the windows.
type Config struct {
	// Window is how long after a store SKU's first event its window closes.
	Window time.Duration
	// QuietPeriod closes a window early when its store SKU was quiet this long; 0 is off.
	QuietPeriod time.Duration
}

// Buffer holds the open windows of one partition.
type Buffer struct {
	cfg     Config
	base    time.Time
	entries map[string]*Entry
	byClose list
	byTouch list
	slab    slab
	losers  []Waiting
	spare   []byte
}

// New makes an empty buffer. Times given to it must not lie before base.
func New(cfg Config, base time.Time) *Buffer {
	b := &Buffer{cfg: cfg, base: base, entries: make(map[string]*Entry)}
	b.byClose.link, b.byTouch.link = closeLink, touchLink
	return b
}

// Len is how many store SKUs wait.
func (b *Buffer) Len() int { return len(b.entries) }

// Has says whether a window of this Kafka key is open.
func (b *Buffer) Has(key []byte) bool { _, ok := b.entries[string(key)]; return ok }

// Put takes the next event of the partition. The key is the event's Kafka key;
// events of one key must come in the order of their offsets.
func (b *Buffer) Put(key []byte, e *schemas.Event, now time.Time) Result {
	at := now.Sub(b.base)
	w, ok := b.entries[string(key)]
	if !ok {
		return Result{Verdict: Opened, Entry: b.open(string(key), e, at)}
	}
	if e.Repeats() {
		if v := w.weighRepeat(e); v != Replaced {
			return b.keepRepeat(w, e, v)
		}
	}
	b.touch(w, at)
	return Result{Verdict: Replaced, Entry: w, Losers: b.replace(w, e)}
}

func (b *Buffer) open(key string, e *schemas.Event, at time.Duration) *Entry {
	w := b.slab.take()
	w.key, w.openedAt = key, at
	b.spare = schemas.PackEvent(b.spare[:0], e)
	w.hold(append(w.packed[:0], b.spare...), e) // no larger than it needs to be
	b.entries[key] = w
	b.byClose.pushBack(w)
	if b.cfg.QuietPeriod > 0 {
		w.touchedAt = at
		b.byTouch.pushBack(w)
	}
	return w
}

// replace swaps the waiting event's bytes with the spare ones, so that the
// loser can be read until the next Put without a copy or an allocation.
func (b *Buffer) replace(w *Entry, e *schemas.Event) []Waiting {
	old := w.Newest()
	w.hold(schemas.PackEvent(b.spare[:0], e), e)
	b.spare = old.Packed
	b.losers = append(append(b.losers[:0], w.takeEarlier()...), old)
	return b.losers
}

func (b *Buffer) keepRepeat(w *Entry, e *schemas.Event, v Verdict) Result {
	if v == Joined {
		w.earlier = &earlier{w.Newest(), w.earlier}
		w.hold(schemas.PackEvent(nil, e), e)
	}
	return Result{Verdict: v, Entry: w}
}

func (b *Buffer) touch(w *Entry, at time.Duration) {
	if b.cfg.QuietPeriod > 0 {
		w.touchedAt = at
		b.byTouch.moveToBack(w)
	}
}

// NextDue is when the next window closes; false if none is open.
func (b *Buffer) NextDue() (time.Time, bool) {
	w := b.next()
	if w == nil {
		return time.Time{}, false
	}
	return b.base.Add(b.dueAt(w)), true
}

// PopDue removes the window that closed longest ago; nil if none has closed by
// now. The entry is the caller's until it gives it back with Free.
func (b *Buffer) PopDue(now time.Time) *Entry {
	w := b.next()
	if w == nil || b.dueAt(w) > now.Sub(b.base) {
		return nil
	}
	delete(b.entries, w.key)
	b.byClose.remove(w)
	if b.cfg.QuietPeriod > 0 {
		b.byTouch.remove(w)
	}
	return w
}

// Free gives back an entry that PopDue returned; it must not be used again.
func (b *Buffer) Free(w *Entry) { b.slab.give(w) }

// next is the entry whose window closes first. Both limits are the same for
// all, so the front of each list is the first to reach its own limit.
func (b *Buffer) next() *Entry {
	w, q := b.byClose.front, b.byTouch.front
	if q != nil && b.dueAt(q) < b.dueAt(w) {
		return q
	}
	return w
}

func (b *Buffer) dueAt(w *Entry) time.Duration {
	due := w.openedAt + b.cfg.Window
	if b.cfg.QuietPeriod > 0 {
		due = min(due, w.touchedAt+b.cfg.QuietPeriod)
	}
	return due
}
