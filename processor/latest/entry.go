package latest

import (
	"slices"
	"time"

	"stockpush/schemas"
)

// Entry is one open window: the newest event of a store SKU, and what the
// buffer's owner keeps with it.
type Entry struct {
	// Owned is the owner's: what it must remember until the window closes.
	Owned *Attachment

	key                 string
	packed              []byte
	earlier             *earlier
	offset              int64
	repeats             int64
	openedAt, touchedAt time.Duration
	links               [2]links
}

// Attachment is what the owner of a buffer keeps with a window: the encoded
// records of the events that were replaced in it, and those events' offsets.
type Attachment struct {
	Records []byte
	Offsets []int64
}

// Waiting is an event that waits, packed.
type Waiting struct {
	Packed []byte
	Offset int64
}

// earlier is a repeat that waits in the window before the newest event.
type earlier struct {
	Waiting
	before *earlier
}

// Key is the Kafka key of the store SKU.
func (w *Entry) Key() string { return w.key }

// Newest is the newest event; valid until the next Put or Free.
func (w *Entry) Newest() Waiting { return Waiting{w.packed, w.offset} }

// Waiting lists the events that leave with the window, oldest first: the
// newest one, and before it repeats that only the channel worker can judge.
func (w *Entry) Waiting() []Waiting { return append(w.before(), w.Newest()) }

func (w *Entry) hold(packed []byte, e *schemas.Event) {
	w.packed, w.offset, w.repeats = packed, e.Position.Offset, e.RepeatsOffset
}

// weighRepeat judges an event that only repeats against what waits. News that
// came after the quantities it repeats beats it. Of two repeats, the one that
// repeats no more than the other is beaten: whatever beats that one beats it too.
func (w *Entry) weighRepeat(e *schemas.Event) Verdict {
	news := w.repeats == schemas.NoOffset
	switch {
	case news && w.offset > e.RepeatsOffset, !news && w.repeats >= e.RepeatsOffset:
		return Beaten
	case news:
		return Replaced
	default:
		return Joined
	}
}

func (w *Entry) takeEarlier() []Waiting {
	before := w.before()
	w.earlier = nil
	return before
}

func (w *Entry) before() []Waiting {
	if w.earlier == nil {
		return nil
	}
	var all []Waiting
	for e := w.earlier; e != nil; e = e.before {
		all = append(all, e.Waiting)
	}
	slices.Reverse(all)
	return all
}
