package latest

import (
	"slices"
	"time"

	"stockpush/schemas"
)

// Entry is one open window: the newest event of a store SKU, and the records of
// those that it replaced.
type Entry struct {
	// What each event needs comes first: that is 64 bytes, which the processor loads
	// as one, and an entry is two times that.

	// records are, encoded, what became of the events that were replaced, and from
	// newestAt on the record of the newest one, which is begun. They lie together, since
	// each event touches both.
	records   []byte
	newestAt  int
	offset    int64
	repeats   int64
	earlier   *earlier
	touchedAt time.Duration

	openedAt time.Duration
	links    [2]links
	key      string
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
func (w *Entry) Newest() Waiting {
	return Waiting{schemas.BegunEvent(w.records[w.newestAt:]), w.offset}
}

// Records are the encoded Skipped records of the window that nobody took yet; valid
// until the next Put or Free.
func (w *Entry) Records() []byte { return w.records[:w.newestAt] }

// begin begins the newest event's record behind those that were ended.
func (w *Entry) begin(ended []byte, e *schemas.Event) {
	w.newestAt = len(ended)
	w.records = schemas.BeginRecord(ended, e)
	w.offset, w.repeats = e.Position.Offset, e.RepeatsOffset
}

// putBefore adds a record before the one that is begun.
func (w *Entry) putBefore(r *schemas.Record, newest []byte) {
	ended := schemas.AppendRecord(w.records[:w.newestAt], r)
	w.newestAt = len(ended)
	w.records = append(ended, newest...)
}

// firstRoom is how much memory a window has, in bytes, once an event was replaced in
// it: one that has less holds nothing back.
const firstRoom = 512

// endRoom is what ends most records.
const endRoom = 64

// Full says that the next event makes the window's records take more memory, if it is
// like the newest one.
func (w *Entry) Full() bool {
	return cap(w.records)-len(w.records) < len(w.records)-w.newestAt+endRoom
}

// makeRoom doubles what is full: the runtime would grow it by less, and copy more often.
func (w *Entry) makeRoom() {
	if w.Full() {
		w.records = append(make([]byte, 0, max(firstRoom, 2*cap(w.records))), w.records...)
	}
}

// held is the memory of records in bytes.
func (w *Entry) held() int {
	if cap(w.records) < firstRoom {
		return 0
	}
	return cap(w.records)
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
	all := w.Earlier()
	w.earlier = nil
	return all
}

// Earlier are repeats that leave with the window before the newest event, oldest first,
// since only the channel worker can judge them. As a rule there are none.
func (w *Entry) Earlier() []Waiting {
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
