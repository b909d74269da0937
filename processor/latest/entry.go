package latest

import (
	"time"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// Entry is one open window: the newest event of a store SKU, and the links of
// those that it replaced.
type Entry struct {
	newest wire.PackedEvent
	// links are the encoded events before the newest one, without those that were taken.
	links []byte
	// offset and repeats are the newest event's.
	offset, repeats int64
	// events counts what was put into the window.
	events int
	// earlier are repeats that wait before the newest event, oldest first.
	earlier             []Waiting
	openedAt, touchedAt time.Duration
	near                [orders]neighbours
	key                 string
}

// Waiting is an event that waits.
type Waiting struct {
	event  wire.PackedEvent
	Offset int64
}

// Packed is the event, packed.
func (w Waiting) Packed() []byte { return w.event.Bytes() }

// Key is the Kafka key of the store SKU.
func (w *Entry) Key() string { return w.key }

// Events is how many events the window got, outdated ones too.
func (w *Entry) Events() int { return w.events }

// Newest is the newest event; valid until the next Put.
func (w *Entry) Newest() Waiting { return Waiting{w.newest, w.offset} }

// Earlier are repeats that leave with the window before the newest event, oldest first, since only
// the channel worker can judge them. Usually there are none.
func (w *Entry) Earlier() []Waiting { return w.earlier }

// Links are the links of a chain whose newest event is Newest, without those that
// were taken; valid until the next Put.
func (w *Entry) Links() []byte { return w.links }

// judge compares an event with what waits. A repeat is outdated if news followed the quantities
// that it repeats. Of two repeats the later one is outdated if it repeats a record that is not
// newer: whatever supersedes the earlier one supersedes it too.
func (w *Entry) judge(e *schemas.Event) Verdict {
	if !e.Repeats() {
		return Replaced
	}
	if w.repeats == schemas.NoOffset {
		if w.offset > e.RepeatsOffset {
			return Outdated
		}
		return Replaced
	}
	if w.repeats >= e.RepeatsOffset {
		return Outdated
	}
	return Joined
}
