// Package latest is the latest-wins buffer: of each store SKU it keeps the
// newest event until its window closes.
//
// It owns the windows and the choice between events of one store SKU. It is
// pure: it has no clock (the caller says what time it is), no lock, no
// goroutine and no I/O. It never blocks, and one goroutine owns it. Events wait
// encoded; those that were replaced are links of the window's chain.
package latest

import (
	"time"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// Verdict says what Put did with an event.
type Verdict uint8

// The verdicts.
const (
	// Opened: no window was open; the event opened one.
	Opened Verdict = iota + 1
	// Replaced: the event now waits in place of those before it.
	Replaced
	// Outdated: the event only repeats older quantities, and what waits supersedes it.
	Outdated
	// Joined: the event waits beside an earlier repeat, since only the
	// channel worker, which knows the state, can choose between the two.
	Joined
)

// Result is the answer of Put.
type Result struct {
	Verdict Verdict
	// Entry is the window that the event met or opened, valid until it leaves.
	Entry *Entry
	// Skipped is how many Skipped records the event added to the window: its own
	// if it was outdated, else those of the events that it replaced.
	Skipped int
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
	// ends is before the first and after the last open window.
	ends Entry
	// packed is the event that is being put.
	packed wire.PackedEvent
	// linkBytes is the memory of all open windows' links.
	linkBytes int
}

// New makes an empty buffer. Times given to it must not lie before base.
func New(cfg Config, base time.Time) *Buffer {
	b := &Buffer{cfg: cfg, base: base, entries: map[string]*Entry{}}
	for o := range orders {
		b.ends.near[o] = neighbours{&b.ends, &b.ends}
	}
	return b
}

// Len is how many store SKUs wait.
func (b *Buffer) Len() int { return len(b.entries) }

// Find is the open window of a Kafka key; nil if there is none.
func (b *Buffer) Find(key []byte) *Entry { return b.entries[string(key)] }

// Put takes the next event of the partition. The key is the event's Kafka key; events of one
// key must come in the order of their offsets.
func (b *Buffer) Put(key []byte, e *schemas.Event, now time.Time) Result {
	b.packed.Pack(e)
	w := b.Find(key)
	if w == nil {
		return Result{Verdict: Opened, Entry: b.open(string(key), e, now.Sub(b.base))}
	}
	w.Events++
	result := Result{Verdict: w.judge(e), Entry: w}
	switch result.Verdict {
	case Outdated:
		result.Skipped = 1
		b.link(w, wire.Link{Event: &b.packed, Next: &w.Newest.Event, Role: wire.RoleLost, At: now})
	case Joined:
		b.link(w, wire.Link{Event: &w.Newest.Event, Next: &b.packed, Role: wire.RoleWaits})
		w.Earlier = append(w.Earlier, Waiting{w.Newest.Event.Clone(), w.Newest.Offset})
		b.succeed(w, e)
	default:
		result.Skipped = 1 + len(w.Earlier)
		b.replace(w, now)
		b.succeed(w, e)
		if b.cfg.QuietPeriod > 0 {
			w.touchedAt = now.Sub(b.base)
			w.unlink(byTouch)
			b.pushBack(w, byTouch)
		}
	}
	return result
}

func (b *Buffer) open(key string, e *schemas.Event, at time.Duration) *Entry {
	w := &Entry{Key: key, Newest: Waiting{b.packed.Clone(), e.Position.Offset}, Events: 1, repeats: e.RepeatsOffset, openedAt: at, touchedAt: at}
	b.entries[key] = w
	for o := range orders {
		b.pushBack(w, o)
	}
	return w
}

// replace links all that waits in the window to the event that is being put.
func (b *Buffer) replace(w *Entry, now time.Time) {
	b.link(w, wire.Link{Event: &w.Newest.Event, Next: &b.packed, Role: wire.RoleSkipped, At: now})
	for i := range w.Earlier {
		b.link(w, wire.Link{Event: &w.Earlier[i].Event, Next: &b.packed, Role: wire.RoleLost, At: now})
	}
	w.Earlier = nil
}

func (b *Buffer) link(w *Entry, l wire.Link) {
	before := cap(w.Links)
	w.Links = wire.AppendLink(w.Links, l)
	b.linkBytes += cap(w.Links) - before
}

// succeed makes the event that is being put the window's newest. Its memory and that of
// the one before change places.
func (b *Buffer) succeed(w *Entry, e *schemas.Event) {
	w.Newest.Event, b.packed = b.packed, w.Newest.Event
	w.Newest.Offset, w.repeats = e.Position.Offset, e.RepeatsOffset
}

// LinkBytes is how much memory the links of all open windows have, in bytes.
func (b *Buffer) LinkBytes() int { return b.linkBytes }

// TakeLinks removes the links from a window that stays open.
func (b *Buffer) TakeLinks(w *Entry) []byte {
	links := w.Links
	b.linkBytes -= cap(w.Links)
	w.Links = nil
	return links
}

// SetWindow sets how long windows last, the open ones too.
func (b *Buffer) SetWindow(d time.Duration) { b.cfg.Window = d }

// NextDue is when the next window closes; false if none is open.
func (b *Buffer) NextDue() (time.Time, bool) {
	w := b.next()
	if w == nil {
		return time.Time{}, false
	}
	return b.base.Add(b.dueAt(w)), true
}

// PopDue removes the window that closed longest ago; nil if none has closed by now.
func (b *Buffer) PopDue(now time.Time) *Entry {
	w := b.next()
	if w == nil || b.dueAt(w) > now.Sub(b.base) {
		return nil
	}
	for o := range orders {
		w.unlink(o)
	}
	b.linkBytes -= cap(w.Links)
	delete(b.entries, w.Key)
	if len(b.entries) == 0 {
		b.entries = map[string]*Entry{} // a map keeps the memory of all that it ever had
	}
	return w
}

// next is the entry whose window closes first. The limits are the same for all, so the
// front of each order is the first to reach its own limit.
func (b *Buffer) next() *Entry {
	w, quiet := b.front(byOpening), b.front(byTouch)
	if quiet != nil && b.dueAt(quiet) < b.dueAt(w) {
		return quiet
	}
	return w
}

func (b *Buffer) dueAt(w *Entry) time.Duration {
	due := w.openedAt + b.cfg.Window
	if b.cfg.QuietPeriod > 0 {
		return min(due, w.touchedAt+b.cfg.QuietPeriod)
	}
	return due
}
