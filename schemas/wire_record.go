package schemas

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message of the records topic is, any number of times, the key of a store SKU
// and then records of it, so that the records of many windows can be written as
// they come, and together.

// AppendRecordsHeader begins a message of the records topic with records of one store SKU.
func AppendRecordsHeader(b []byte, key Key) []byte {
	return AppendRecordsKey(BeginRecords(b), key.String())
}

// BeginRecords begins a message of the records topic.
func BeginRecords(b []byte) []byte { return append(b, formatVersion) }

// AppendRecordsKey says of which store SKU the records are that follow; key is its Kafka key.
func AppendRecordsKey(b []byte, key string) []byte { return putText(b, 1, key) }

// AppendRecord adds a record of the last key's store SKU to a message.
func AppendRecord(b []byte, r *Record) []byte {
	var room [256]byte
	return AppendPackedRecord(b, PackEvent(room[:0], &r.Event), r)
}

// AppendPending adds the Pending record of a packed event to a message.
func AppendPending(b, packed []byte, queuedAt time.Time) []byte {
	return AppendPackedRecord(b, packed, &Record{Status: Pending, SupersededByOffset: NoOffset, QueuedAt: queuedAt})
}

// AppendSkipped adds the Skipped record of a packed event to a message.
func AppendSkipped(b, packed []byte, newer *Event, at time.Time) []byte {
	return EndSkipped(beginRecord(b, func(b []byte) []byte { return append(b, packed...) }), len(b), newer, at)
}

// A record that is begun has its event, and not yet what became of it. Its own
// length and the event's are written in two bytes, since they are known only later.
const begunHeader = 6

// BeginRecord begins an event's record at the end of b.
func BeginRecord(b []byte, e *Event) []byte {
	return beginRecord(b, func(b []byte) []byte { return PackEvent(b, e) })
}

func beginRecord(b []byte, pack func([]byte) []byte) []byte {
	from := len(b)
	b = pack(append(b, 2<<3|byte(protowire.BytesType), 0, 0, 1<<3|byte(protowire.BytesType), 0, 0))
	putLength(b[from+4:], len(b)-from-begunHeader)
	return b
}

// BegunEvent is the packed event of a record that is begun, which is all of what is given.
func BegunEvent(begun []byte) []byte { return begun[begunHeader:] }

// EndSkipped ends the record that is begun at the end of b, from a place on: its event was replaced.
func EndSkipped(b []byte, from int, newer *Event, at time.Time) []byte {
	b = putUint(b, 2, uint64(Skipped))
	b = putText(b, 7, newer.EventID)
	b = putInt(b, 8, newer.Position.Offset)
	b = putInt(b, 12, at.UnixMilli())
	putLength(b[from+1:], len(b)-from-3)
	return b
}

// putLength writes a length in two bytes, as a varint may be longer than it needs
// to be. An event's rules keep it far below 2 KiB, and so what is written of it.
func putLength(b []byte, n int) {
	if n >= 1<<14 {
		panic(fmt.Sprintf("a record of %d bytes", n))
	}
	b[0], b[1] = byte(n)|0x80, byte(n>>7)
}

// AppendOffsets appends the event offsets of encoded records, without a message's
// beginning or keys, to offsets.
func AppendOffsets(offsets []int64, records []byte) []int64 {
	for len(records) > 0 {
		_, _, tag := protowire.ConsumeTag(records)
		record, n := protowire.ConsumeBytes(records[max(0, tag):])
		if tag < 0 || n < 0 {
			panic("records that were not written here")
		}
		offsets = append(offsets, offsetOf(record))
		records = records[tag+n:]
	}
	return offsets
}

// offsetOf is the event offset of an encoded record, which stands first in it.
func offsetOf(record []byte) (offset int64) {
	_, _, tag := protowire.ConsumeTag(record)
	packed, n := protowire.ConsumeBytes(record[max(0, tag):])
	if tag < 0 || n < 0 || len(packed) == 0 || packed[0] != offsetTag {
		panic("a record that was not written here")
	}
	value, _ := protowire.ConsumeVarint(packed[1:])
	return int64(value)
}

// AppendPackedRecord is AppendRecord of a packed event: of r's own event nothing is written.
func AppendPackedRecord(b, packed []byte, r *Record) []byte {
	var room [512]byte
	v := putBytes(room[:0], 1, packed)
	v = putUint(v, 2, uint64(r.Status))
	v = putOptional(v, 3, r.BeforeQty)
	v = putOptional(v, 4, r.AfterQty)
	v = putText(v, 5, string(r.FailureCode))
	v = putText(v, 6, cut(r.FailureReason, MaxFailureReasonBytes))
	v = putText(v, 7, r.SupersededBy)
	if r.SupersededByOffset != NoOffset {
		v = putInt(v, 8, r.SupersededByOffset)
	}
	v = putUint(v, 9, uint64(r.Attempts))
	v = putText(v, 10, r.RequestID)
	v = putTime(v, 11, r.QueuedAt)
	v = putTime(v, 12, r.FinishedAt)
	v = putOptional(v, 13, r.PromotionFloor)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), v)
}

// recordsRead spares each message the memory of the record that it is read into.
var recordsRead = sync.Pool{New: func() any { return &Record{} }}

// DecodeRecords reads a message of the records topic and yields its records one
// by one. The record is reused, by others too, and its texts share the message's memory.
func DecodeRecords(message []byte, yield func(*Record) error) error {
	rest, err := body(message)
	if err != nil {
		return err
	}
	var key Key
	record := recordsRead.Get().(*Record)
	defer recordsRead.Put(record)
	r := reader{rest: rest}
	for err == nil && r.next() {
		switch r.num {
		case 1:
			key, err = ParseKey(r.text())
		case 2:
			if key.Channel == "" {
				return fmt.Errorf("records: a record before the key")
			}
			if err = record.decode(key, r.bytes); err == nil {
				err = yield(record)
			}
		}
	}
	return cmp.Or(err, r.err)
}

// PackedRecord is a record as AppendPackedRecord wrote it, with what is asked most.
type PackedRecord struct {
	Position Position
	Status   Status
	// Event is the packed event, and Bytes all of it; they share memory.
	Event, Bytes []byte
}

// SplitRecord reads of a packed record what PackedRecord has.
func SplitRecord(b []byte) (p PackedRecord, err error) {
	p.Bytes = b
	var reason Reason
	outer := reader{rest: b}
	for outer.next() {
		r := reader{rest: outer.bytes}
		for r.next() {
			switch r.num {
			case 1:
				p.Event = r.bytes
				p.Position, reason, err = eventAt(r.bytes)
				r.stop(err)
			case 2:
				p.Status = Status(r.value)
			}
		}
		outer.stop(r.err)
	}
	if outer.err != nil {
		return p, outer.err
	}
	return p, known(p.Status, reason, p.Position)
}

// PackedEventOf is the packed event of a packed record, whose memory it shares; nil
// of what AppendPackedRecord did not write.
func PackedEventOf(record []byte) []byte {
	for _, num := range []protowire.Number{2, 1} {
		got, typ, n := protowire.ConsumeTag(record)
		if n < 0 || got != num || typ != protowire.BytesType {
			return nil
		}
		if record, n = protowire.ConsumeBytes(record[n:]); n < 0 {
			return nil
		}
	}
	return record
}

// Record reads all of a packed record, whose memory its texts share.
func (p PackedRecord) Record(key Key) (r Record, err error) {
	outer := reader{rest: p.Bytes}
	for outer.next() {
		outer.stop(r.decode(key, outer.bytes))
	}
	return r, outer.err
}

func known(s Status, reason Reason, at Position) error {
	if s.String() == "" || !reason.Valid() || at.IsZero() {
		return fmt.Errorf("record: status %d, reason %d, log %d are not all known", s, reason, at.LogID)
	}
	return nil
}

func (r *Record) decode(key Key, b []byte) error {
	*r = Record{Event: Event{Key: key, RepeatsOffset: NoOffset}, SupersededByOffset: NoOffset}
	from := reader{rest: b}
	for from.next() {
		if from.num != 1 {
			r.take(&from.field)
			continue
		}
		event := reader{rest: from.bytes}
		for event.next() {
			r.Event.take(&event.field)
		}
		from.stop(event.err)
	}
	if from.err != nil {
		return fmt.Errorf("record: %w", from.err)
	}
	return known(r.Status, r.Reason, r.Position)
}

// take takes a field that is not the event.
func (r *Record) take(f *field) {
	switch f.num {
	case 2:
		r.Status = Status(f.value)
	case 3:
		r.BeforeQty = f.optional()
	case 4:
		r.AfterQty = f.optional()
	case 5:
		r.FailureCode = FailureCode(f.text())
	case 6:
		r.FailureReason = f.text()
	case 7:
		r.SupersededBy = f.text()
	case 8:
		r.SupersededByOffset = f.int()
	case 9:
		r.Attempts = uint16(f.value)
	case 10:
		r.RequestID = f.text()
	case 11:
		r.QueuedAt = f.time()
	case 12:
		r.FinishedAt = f.time()
	case 13:
		r.PromotionFloor = f.optional()
	}
}
