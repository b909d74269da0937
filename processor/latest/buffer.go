// Package latest is the latest-wins buffer: of each store SKU it keeps the
// newest event until its window closes.
//
// It owns the windows and the choice between events of one store SKU. It is
// pure: it has no clock (the caller says what time it is), no lock, no
// goroutine and no I/O. It never blocks, and one goroutine owns it. Events wait
// encoded, so that a waiting store SKU costs at most 256 bytes beside its key.
package latest

import (
	"bytes"
	"maps"
	"time"

	"stockpush/schemas"
)

// Verdict says what Put did with an event.
type Verdict uint8

// The verdicts.
const (
	// Opened: no window was open; the event opened one.
	Opened Verdict = iota + 1
	// Replaced: the event now waits in place of those before it.
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
	// Skipped is how many Skipped records the event added to the window: its own
	// if it was beaten, else those of the events that it replaced.
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
	byClose list
	byTouch list
	slab    slab
	spare   []byte
	// held is the memory of records in bytes, and kept how much of it nobody uses.
	held, kept int
	// most is how many windows were open at once since trimmedAt, and mapped since the map
	// of entries was made, which never shrinks.
	most, mapped int
	trimmedAt    time.Duration
}

// New makes an empty buffer. Times given to it must not lie before base.
func New(cfg Config, base time.Time) *Buffer {
	b := &Buffer{cfg: cfg, base: base, entries: make(map[string]*Entry)}
	b.byClose.link, b.byTouch.link = closeLink, touchLink
	return b
}

// Len is how many store SKUs wait.
func (b *Buffer) Len() int { return len(b.entries) }

// Find is the open window of a Kafka key; nil if there is none.
func (b *Buffer) Find(key []byte) *Entry { return b.entries[string(key)] }

// Put takes the next event of the partition. The key is the event's Kafka key, and the
// entry what Find says of it; events of one key must come in the order of their offsets.
func (b *Buffer) Put(w *Entry, key []byte, e *schemas.Event, now time.Time) Result {
	at := now.Sub(b.base)
	if w == nil {
		return Result{Verdict: Opened, Entry: b.open(string(key), e, at)}
	}
	if e.Repeats() {
		if v := w.weighRepeat(e); v != Replaced {
			return b.keepRepeat(w, repeat{e, v, now})
		}
	}
	b.touch(w, at)
	return Result{Verdict: Replaced, Entry: w, Skipped: b.replace(w, e, now)}
}

func (b *Buffer) open(key string, e *schemas.Event, at time.Duration) *Entry {
	w := b.slab.take()
	b.kept -= w.held()
	w.key, w.openedAt = key, at
	b.spare = schemas.BeginRecord(b.spare[:0], e)
	w.records = append(w.records[:0], b.spare...) // no larger than it needs to be
	w.newestAt, w.offset, w.repeats = 0, e.Position.Offset, e.RepeatsOffset
	b.entries[key] = w
	b.most, b.mapped = max(b.most, len(b.entries)), max(b.mapped, len(b.entries))
	b.byClose.pushBack(w)
	if b.cfg.QuietPeriod > 0 {
		w.touchedAt = at
		b.byTouch.pushBack(w)
	}
	return w
}

// replace ends the records of those that waited and begins the event's.
func (b *Buffer) replace(w *Entry, e *schemas.Event, now time.Time) (skipped int) {
	before := w.held()
	w.makeRoom()
	ended := schemas.EndSkipped(w.records, w.newestAt, e, now)
	var repeats []Waiting
	if w.earlier != nil {
		repeats = w.takeEarlier()
	}
	for _, r := range repeats {
		ended = schemas.AppendSkipped(ended, r.Packed, e, now)
	}
	w.begin(ended, e)
	b.held += w.held() - before
	return 1 + len(repeats)
}

// repeat is an event that does not replace what waits.
type repeat struct {
	event   *schemas.Event
	verdict Verdict
	now     time.Time
}

func (b *Buffer) keepRepeat(w *Entry, r repeat) Result {
	before := w.held()
	result := Result{Verdict: r.verdict, Entry: w}
	newest := bytes.Clone(w.records[w.newestAt:])
	if r.verdict == Joined {
		w.earlier = &earlier{Waiting{schemas.BegunEvent(newest), w.offset}, w.earlier}
		w.begin(w.records[:w.newestAt], r.event)
	} else {
		winner, err := schemas.UnpackEvent(r.event.Key, schemas.BegunEvent(newest))
		if err != nil {
			panic(err) // we packed it
		}
		record := schemas.SkippedBy(*r.event, &winner, r.now)
		w.putBefore(&record, newest)
		result.Skipped = 1
	}
	b.held += w.held() - before
	return result
}

// Held is how many bytes of memory hold records of events that were replaced,
// whether they are in use or kept for the next windows.
func (b *Buffer) Held() int { return b.held }

// Cut removes the window's Records; keep says whether their memory may be kept.
func (b *Buffer) Cut(w *Entry, keep bool) {
	before := w.held()
	newest := w.records[w.newestAt:]
	if keep {
		w.records = w.records[:copy(w.records, newest)]
	} else {
		w.records = bytes.Clone(newest)
	}
	w.newestAt = 0
	b.held += w.held() - before
}

func (b *Buffer) touch(w *Entry, at time.Duration) {
	if b.cfg.QuietPeriod > 0 {
		w.touchedAt = at
		b.byTouch.moveToBack(w)
	}
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

// Free gives back an entry that PopDue returned; it must not be used again. Keep
// says whether the memory of its records may be kept for the next window.
func (b *Buffer) Free(w *Entry, keep bool) {
	if !keep {
		b.held -= w.held()
		w.records = nil
	}
	b.kept += w.held()
	b.slab.give(w)
	for range 2 { // one would only keep as much as there is
		if b.slab.kept > b.Len()+fewEntries {
			b.giveUp(b.slab.take())
		}
	}
}

// giveUp leaves an entry to the collector, which has its chunk when all of that is given
// up. More are not kept than are open: windows that close together, as at a backlog's
// end, would lie here while what came of them waits in the lanes.
func (b *Buffer) giveUp(w *Entry) {
	b.held -= w.held()
	b.kept -= w.held()
	*w = Entry{}
}

const (
	// trimEvery is how long what is kept for the next windows may lie unused.
	trimEvery = 10 * time.Second
	// fewEntries and fewBytes are kept in any case.
	fewEntries, fewBytes = 4 * chunkEntries, 1 << 20
)

// Trim gives up what is kept for the next windows, as after a flash sale: where none is
// open, and where not half of the entries were needed at once for a while.
func (b *Buffer) Trim(now time.Time) {
	at, none := now.Sub(b.base), b.Len() == 0
	if !none && at-b.trimmedAt < trimEvery {
		return
	}
	much := b.slab.kept > fewEntries || b.kept > fewBytes || b.mapped > fewEntries
	if much && (none || b.most < (b.Len()+b.slab.kept)/2) {
		b.forget()
	}
	b.most, b.trimmedAt = b.Len(), at
}

func (b *Buffer) forget() {
	entries := make(map[string]*Entry, len(b.entries))
	maps.Copy(entries, b.entries)
	b.slab.forget()
	b.entries, b.mapped = entries, len(entries)
	b.held, b.kept = b.held-b.kept, 0
}

// next is the entry whose window closes first. The limits are the same for all, so the
// front of each list is the first to reach its own limit.
func (b *Buffer) next() *Entry {
	w, quiet := b.byClose.front, b.byTouch.front
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
