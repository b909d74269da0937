package channels

import (
	"encoding/binary"
	"time"
	"unsafe"

	"stockpush/schemas"
)

// resting is a store SKU of which nothing is under way and nothing owed, packed: most rest,
// most of the time. It is one piece of memory without pointers, a third smaller than the
// four pieces of a storeSKU, which the garbage collector would look at again and again:
// the key's length and the key, what past has beside its record, and the record.
type resting string

// mayRest says that a resting tells all of a store SKU.
func (s *storeSKU) mayRest() bool {
	return s.idle() && !s.reading && !s.unsaved && s.newest == nil && s.readback() == nil && !s.finishedAt().IsZero()
}

// atRest packs what may rest, by way of memory that it returns.
func (s *standing) atRest(room []byte) (resting, []byte) {
	p := s.past
	b := append(binary.AppendUvarint(room[:0], uint64(len(s.key))), s.key...)
	for _, n := range []int64{p.confirmed, p.sentQty, int64(p.sent.LogID), int64(p.sent.Partition), p.sent.Offset} {
		b = binary.AppendVarint(b, n)
	}
	b = append(b, p.record...)
	return resting(b), b
}

func (t resting) bytes() []byte { return unsafe.Slice(unsafe.StringData(string(t)), len(t)) }

// split is the key, which shares the memory, and what follows it.
func (t resting) split() (key string, rest []byte) {
	length, n := binary.Uvarint(t.bytes())
	end := n + int(length)
	return string(t[n:end]), t.bytes()[end:]
}

// key is the Kafka key.
func (t resting) key() string {
	key, _ := t.split()
	return key
}

// open is the store SKU again.
func (t resting) open() *storeSKU {
	known := &struct {
		storeSKU
		past
	}{}
	key, rest := t.split()
	var n [5]int64
	for i := range n {
		value, size := binary.Varint(rest)
		n[i], rest = value, rest[size:]
	}
	record, err := schemas.SplitRecord(append(make([]byte, 0, len(rest)+recordSlack), rest...))
	if err != nil {
		panic(err) // it could be read when it came
	}
	known.key, known.storeSKU.past = key, &known.past
	known.past = past{
		confirmed: n[0], sentQty: n[1], sent: schemas.Position{LogID: uint16(n[2]), Partition: int32(n[3]), Offset: n[4]},
		at: record.Position, status: record.Status, record: record.Bytes,
	}
	return &known.storeSKU
}

// recordSlack is by how much a store SKU's next record may be longer, as a rule.
const recordSlack = 16

// known is what is known of a store SKU: itself, or it rests.
type known struct {
	sku     *storeSKU
	resting resting
}

// restAfter is for how long nothing comes of a store SKU before it rests. One that is pushed
// in window after window is not packed and opened each time.
const restAfter = 2 * time.Second

// restLater lets a store SKU that may rest do so when nothing comes of it for a while. One
// that may not is asked again when its state was written.
func (w *worker) restLater(s *storeSKU) {
	if !s.mayRest() {
		return
	}
	s.used = true
	if s.listed {
		return
	}
	s.listed = true
	if len(w.awake) == 0 {
		w.rests.Reset(restAfter)
	}
	w.awake = append(w.awake, s)
}

// restUnused lets those rest of which nothing came since the last time.
func (w *worker) restUnused() {
	kept := w.awake[:0]
	for _, s := range w.awake {
		if s.used {
			s.used = false
			kept = append(kept, s)
			continue
		}
		s.listed = false
		w.rest(s)
	}
	clear(w.awake[len(kept):])
	w.awake = kept
	if len(kept) > 0 {
		w.rests.Reset(restAfter)
	}
}

// rest packs a store SKU of which nothing is under way or owed, until something comes of
// it. Nobody else has it: not a lane, not a parcel, not the list of those awake.
func (w *worker) rest(s *storeSKU) {
	if !s.mayRest() {
		return
	}
	if s.lane != nil {
		delete(s.lane.owed, s)
	}
	var packed resting
	packed, w.room = s.atRest(w.room)
	w.skus[packed.key()] = known{resting: packed} // the map takes the new key, whose memory is that of what rests
}
