package latest

import (
	"time"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// Entry is one open window: the newest event of a store SKU, and the links of
// those that it replaced. While the window is open, the next Put may change all of it.
type Entry struct {
	// Key is the Kafka key of the store SKU.
	Key string
	// Newest is the newest event.
	Newest Waiting
	// Earlier are repeats that leave with the window before the newest event, oldest first, since
	// only the channel worker can judge them. Usually there are none.
	Earlier []Waiting
	// Links are the links of a chain whose newest event is Newest, without those that were taken.
	Links []byte
	// Events is how many events the window got, outdated ones too.
	Events int

	// repeats is the newest event's.
	repeats             int64
	openedAt, touchedAt time.Duration
	near                [orders]neighbours
}

// Waiting is an event that waits.
type Waiting struct {
	Event  wire.PackedEvent
	Offset int64
}

// judge compares an event with what waits. A repeat is outdated if news followed the quantities
// that it repeats. Of two repeats the later one is outdated if it repeats a record that is not
// newer: whatever supersedes the earlier one supersedes it too.
func (w *Entry) judge(e *schemas.Event) Verdict {
	if !e.Repeats() {
		return Replaced
	}
	if w.repeats == schemas.NoOffset {
		if w.Newest.Offset > e.RepeatsOffset {
			return Outdated
		}
		return Replaced
	}
	if w.repeats >= e.RepeatsOffset {
		return Outdated
	}
	return Joined
}
