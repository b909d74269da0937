package schemas

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message of the records topic has the key of a store SKU and then its records and chains, any
// number of times, so one message can carry the records of many windows.

// AppendRecordsHeader begins a message of the records topic and its first store SKU.
func AppendRecordsHeader(b []byte, key Key) []byte {
	return AppendRecordsKey(BeginRecords(b), key.String())
}

// BeginRecords begins a message of the records topic.
func BeginRecords(b []byte) []byte { return append(b, formatVersion) }

// AppendRecordsKey begins the records of a store SKU; key is its Kafka key.
func AppendRecordsKey(b []byte, key string) []byte { return putText(b, 1, key) }

// AppendRecord adds a record of the last key's store SKU to a message.
func AppendRecord(b []byte, r *Record) []byte {
	var room [256]byte
	return AppendPackedRecord(b, PackEvent(room[:0], &r.Event), r)
}

// maxHeader is the largest size of a record's tag and length, in bytes.
const maxHeader = 6

// AppendPackedRecord is AppendRecord with a packed event; it ignores r.Event.
func AppendPackedRecord(b, packed []byte, r *Record) []byte {
	var room [512]byte
	v := putBytes(room[:0], 1, packed)
	v = putUint(v, 2, uint64(r.Status))
	v = putOptional(v, 3, r.BeforeQty)
	v = putOptional(v, 4, r.AfterQty)
	v = putText(v, 5, string(r.FailureCode))
	v = putText(v, 6, Cut(r.FailureReason, MaxFailureReasonBytes))
	v = putText(v, 7, r.SupersededBy)
	if r.SupersededByOffset != NoOffset {
		v = putInt(v, 8, r.SupersededByOffset)
	}
	v = putUint(v, 9, uint64(r.Attempts))
	v = putText(v, 10, r.RequestID)
	v = putTime(v, 11, r.QueuedAt)
	v = putTime(v, 12, r.FinishedAt)
	v = putOptional(v, 13, r.PromotionFloor)
	if r.ShopRefused {
		v = putUint(v, 14, 1)
	}
	return putBytes(slices.Grow(b, len(v)+maxHeader), 2, v)
}

// recordsDecoder reads a message of the records topic.
type recordsDecoder struct {
	key    Key
	record Record
	// links are those of the current chain.
	links [][]byte
	texts texts
	yield func(*Record) error
	// report takes the reports; nil ignores them.
	report func(*Report) error
}

// DecodeRecords reads a message of the records topic and yields its records one
// by one. The record is valid until yield returns; its texts stay valid.
func DecodeRecords(message []byte, yield func(*Record) error) error {
	return DecodeRecordsAndReports(message, yield, nil)
}

// DecodeRecordsAndReports is DecodeRecords that yields reports too; a nil report ignores them.
func DecodeRecordsAndReports(message []byte, yield func(*Record) error, report func(*Report) error) error {
	tail, err := body(message)
	if err != nil {
		return err
	}
	d := recordsDecoder{yield: yield, report: report}
	r := reader{tail: tail, field: field{texts: &d.texts}}
	for r.next() {
		r.stop(d.take(&r.field))
	}
	return r.err
}

// take reads a field of the message.
func (d *recordsDecoder) take(f *field) (err error) {
	switch f.num {
	case 1:
		d.key, err = ParseKey(f.text())
	case 2, 3:
		if d.key.Channel == "" {
			return errors.New("records: a record before the key")
		}
		if f.num == 3 {
			return d.chain(f.bytes)
		}
		if err = decodeRecord(&d.record, d.key, f.bytes, &d.texts); err == nil {
			err = d.yield(&d.record)
		}
	case recordsReport:
		if d.report == nil {
			return nil
		}
		var r Report
		if err = decodeReport(&r, f.bytes); err == nil {
			err = d.report(&r)
		}
	}
	return err
}

// PackedRecord is a record as AppendPackedRecord wrote it, with its most used fields.
type PackedRecord struct {
	Position Position
	Status   Status
	// Shadow is Record.Shadow.
	Shadow bool
	// Event is the packed event and part of Bytes, the whole record.
	Event, Bytes []byte
}

// SplitRecord reads only the fields of PackedRecord.
func SplitRecord(b []byte) (p PackedRecord, err error) {
	p.Bytes = b
	var reason Reason
	confirmed := false
	outer := reader{tail: b}
	for outer.next() {
		r := reader{tail: outer.bytes}
		for r.next() {
			switch r.num {
			case 1:
				p.Event = r.bytes
				p.Position, reason, err = eventAt(r.bytes)
				r.stop(err)
			case 2:
				p.Status = Status(r.value)
			case 4:
				confirmed = true
			}
		}
		outer.stop(r.err)
	}
	if outer.err != nil {
		return p, outer.err
	}
	p.Shadow = p.Status == Successfully && !confirmed
	return p, known(p.Status, reason, p.Position)
}

// PackedEventOf returns the packed event of a packed record, whose memory it shares; nil if
// AppendPackedRecord did not write the record.
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

// Record decodes a packed record.
func (p PackedRecord) Record(key Key) (r Record, err error) {
	outer := reader{tail: p.Bytes}
	for outer.next() {
		outer.stop(decodeRecord(&r, key, outer.bytes, nil))
	}
	return r, outer.err
}

func known(s Status, reason Reason, at Position) error {
	if s.String() == "" || !reason.Valid() || at.IsZero() {
		return fmt.Errorf("record: status %d, reason %d, log %d are not all known", s, reason, at.LogID)
	}
	return nil
}

func decodeRecord(r *Record, key Key, b []byte, t *texts) error {
	*r = Record{Event: Event{Key: key, RepeatsOffset: NoOffset}, SupersededByOffset: NoOffset}
	from := reader{tail: b, field: field{texts: t}}
	for from.next() {
		if from.num != 1 {
			setRecord(r, &from.field)
			continue
		}
		from.stop(unpackEvent(&r.Event, from.bytes, t))
	}
	if from.err != nil {
		return fmt.Errorf("record: %w", from.err)
	}
	return known(r.Status, r.Reason, r.Position)
}

// setRecord sets a field other than the event.
func setRecord(r *Record, f *field) {
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
	case 14:
		r.ShopRefused = f.value != 0
	}
}
