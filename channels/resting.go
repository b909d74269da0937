package channels

import (
	"bytes"
	"encoding/binary"
	"time"
	"unsafe"

	"stockpush/schemas"
)

// resting is a store SKU of which nothing is under way and nothing owed, packed: most rest,
// most of the time, or wait for long. It is one piece of memory without pointers, half as
// large as the pieces of a storeSKU, which the garbage collector would look at again and again:
//
//   - its length in bytes, and a byte that says what follows;
//   - the Kafka key;
//   - of a push that waits: notBefore, queuedAt, offset, pausedBefore, and its event;
//   - of a past: what it has beside its record, and the record.
//
// Numbers are varints, but for the first. A key and an event come after their lengths.
type resting struct{ first *byte }

// lengthBytes is how long a resting's length is.
const lengthBytes = 4

// What a resting says that follows.
const (
	restsWaiting = 1 << iota
	restsPast
	restsInherited
)

// mayRest says that a resting tells all of a store SKU.
func (s *storeSKU) mayRest() bool {
	if s.flying != nil || s.storing != 0 || s.reading || s.unsaved || s.readback() != nil {
		return false
	}
	if p := s.waiting; p != nil {
		return s.newest == &p.event && p.fresh()
	}
	return s.newest == nil && !s.finishedAt().IsZero()
}

// atRest packs what may rest, by way of memory that it returns.
func (s *storeSKU) atRest(room []byte) (resting, []byte) {
	flags := byte(0)
	b := appendSized(append(room[:0], make([]byte, lengthBytes+1)...), s.key)
	if p := s.waiting; p != nil {
		flags |= restsWaiting
		if p.inherited {
			flags |= restsInherited
		}
		b = appendVarints(b, int64(p.notBefore), p.queuedAt, p.offset, int64(p.pausedBefore()))
		b = appendSized(b, p.packed)
	}
	if p := s.past; p != nil {
		flags |= restsPast
		b = appendVarints(b, p.confirmed, p.sentQty, int64(p.sent.LogID), int64(p.sent.Partition), p.sent.Offset)
		b = append(b, p.record...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	b[lengthBytes] = flags
	return resting{unsafe.SliceData(bytes.Clone(b))}, b
}

func appendVarints(b []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func appendSized[T string | []byte](b []byte, what T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(what))), what...)
}

// unpacking is what is left of a resting, whose memory it shares.
type unpacking []byte

func (t resting) bytes() []byte {
	length := binary.NativeEndian.Uint32(unsafe.Slice(t.first, lengthBytes))
	return unsafe.Slice(t.first, length)
}

func (t resting) unpack() (flags byte, rest unpacking) {
	b := t.bytes()
	return b[lengthBytes], b[lengthBytes+1:]
}

func (u *unpacking) varint() int64 {
	n, size := binary.Varint(*u)
	*u = (*u)[size:]
	return n
}

func (u *unpacking) sized() []byte {
	length, size := binary.Uvarint(*u)
	end := size + int(length)
	b := (*u)[size:end:end]
	*u = (*u)[end:]
	return b
}

// waits is when the push that waits may go out and when it was queued; there must be one.
func (t resting) waits() (notBefore time.Duration, queuedAt int64) {
	_, u := t.unpack()
	u.sized() // the key
	return time.Duration(u.varint()), u.varint()
}

// key is the Kafka key, which shares the memory.
func (t resting) key() string {
	_, u := t.unpack()
	return text(u.sized())
}

// open is the store SKU again.
func (t resting) open() *storeSKU {
	flags, u := t.unpack()
	s := &storeSKU{standing: standing{key: text(u.sized())}}
	if flags&restsWaiting != 0 {
		s.waiting = u.push()
		s.waiting.inherited = flags&restsInherited != 0
		s.newest = &s.waiting.event
	}
	if flags&restsPast != 0 {
		s.past = u.past()
	}
	return s
}

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (u *unpacking) push() *push {
	notBefore, queuedAt, offset, pausedBefore := u.varint(), u.varint(), u.varint(), u.varint()
	packed := u.sized()
	e := unpacked(packed)
	p := newPush(&e, packed)
	p.notBefore, p.queuedAt, p.offset = time.Duration(notBefore), queuedAt, offset
	p.pause(time.Duration(pausedBefore))
	return p
}

func (u *unpacking) past() *past {
	p := &past{confirmed: u.varint(), sentQty: u.varint()}
	p.sent = schemas.Position{LogID: uint16(u.varint()), Partition: int32(u.varint()), Offset: u.varint()}
	if len(*u) == 0 {
		return p // nothing was finished
	}
	record, err := schemas.SplitRecord(append(make([]byte, 0, len(*u)+recordSlack), *u...))
	if err != nil {
		panic(err) // it could be read when it came
	}
	p.at, p.status, p.record = record.Position, record.Status, record.Bytes
	return p
}

// recordSlack is by how much a store SKU's next record may be longer, as a rule.
const recordSlack = 16
