package wire

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// A message of the records topic has the key of a store SKU and then its records and chains, any
// number of times, so one message can carry the records of many windows.

// AppendRecordsHeader begins a message of the records topic and its first store SKU.
func AppendRecordsHeader(b []byte, key schemas.Key) []byte {
	return AppendRecordsKey(BeginRecords(b), key.String())
}

// BeginRecords begins a message of the records topic.
func BeginRecords(b []byte) []byte { return append(b, formatVersion) }

// AppendRecordsKey begins the records of a store SKU; key is its Kafka key.
func AppendRecordsKey(b []byte, key string) []byte { return protobuf.PutText(b, 1, key) }

// AppendRecord adds a record of the last key's store SKU to a message.
func AppendRecord(b []byte, r *schemas.Record) []byte {
	var room [256]byte
	return AppendPackedRecord(b, PackEvent(room[:0], &r.Event), r)
}

// maxHeader is the largest size of a record's tag and length, in bytes.
const maxHeader = 6

// AppendPackedRecord is AppendRecord with a packed event; it ignores r.Event.
func AppendPackedRecord(b, packed []byte, r *schemas.Record) []byte {
	reason := schemas.Cut(r.FailureReason, schemas.MaxFailureReasonBytes)
	var room [512]byte
	v := protobuf.PutBytes(room[:0], 1, packed)
	v = protobuf.PutUint(v, 2, uint64(r.Status))
	v = protobuf.PutOptional(v, 3, r.BeforeQty)
	v = protobuf.PutOptional(v, 4, r.AfterQty)
	v = protobuf.PutText(v, 5, string(r.FailureCode))
	v = protobuf.PutText(v, 6, reason)
	v = protobuf.PutText(v, 7, r.SupersededBy)
	if r.SupersededByOffset != schemas.NoOffset {
		v = protobuf.PutInt(v, 8, r.SupersededByOffset)
	}
	v = protobuf.PutUint(v, 9, uint64(r.Attempts))
	v = protobuf.PutText(v, 10, r.RequestID)
	v = protobuf.PutTime(v, 11, r.QueuedAt)
	v = protobuf.PutTime(v, 12, r.FinishedAt)
	v = protobuf.PutOptional(v, 13, r.PromotionFloor)
	if r.ShopRefused {
		v = protobuf.PutUint(v, 14, 1)
	}
	return protobuf.PutBytes(slices.Grow(b, len(v)+maxHeader), 2, v)
}

// recordsDecoder reads a message of the records topic.
type recordsDecoder struct {
	key    schemas.Key
	record schemas.Record
	// links are those of the current chain.
	links [][]byte
	texts protobuf.Texts
	yield func(*schemas.Record) error
	// report takes the reports; nil ignores them.
	report func(*schemas.Report) error
}

// DecodeRecords reads a message of the records topic and yields its records one
// by one. The record is valid until yield returns; its texts stay valid.
func DecodeRecords(message []byte, yield func(*schemas.Record) error) error {
	return DecodeRecordsAndReports(message, yield, nil)
}

// DecodeRecordsAndReports is DecodeRecords that yields reports too; a nil report ignores them.
func DecodeRecordsAndReports(message []byte, yield func(*schemas.Record) error, report func(*schemas.Report) error) error {
	d := recordsDecoder{yield: yield, report: report}
	r := fields(message)
	r.Texts = &d.texts
	for r.Next() {
		r.Stop(d.take(&r.Field))
	}
	return r.Err
}

// take reads a field of the message.
func (d *recordsDecoder) take(f *protobuf.Field) (err error) {
	switch f.Num {
	case 1:
		d.key, err = schemas.ParseKey(f.Text())
	case 2, 3:
		if d.key.Channel == "" {
			return errors.New("records: a record before the key")
		}
		if f.Num == 3 {
			return d.chain(f.Bytes)
		}
		if err = decodeRecord(&d.record, d.key, f.Bytes, &d.texts); err == nil {
			err = d.yield(&d.record)
		}
	case recordsReport:
		if d.report == nil {
			return nil
		}
		var r schemas.Report
		if err = decodeReport(&r, f.Bytes); err == nil {
			err = d.report(&r)
		}
	}
	return err
}

// PackedRecord is a record as AppendPackedRecord wrote it, with its most used fields.
type PackedRecord struct {
	schemas.Position
	Status schemas.Status
	// Shadow is Record.Shadow.
	Shadow bool
	// Bytes is the whole record.
	Bytes []byte
}

// SplitRecord reads only the fields of PackedRecord.
func SplitRecord(b []byte) (p PackedRecord, err error) {
	p.Bytes = b
	var reason schemas.Reason
	confirmed := false
	outer := protobuf.Reader{Tail: b}
	for outer.Next() {
		r := protobuf.Reader{Tail: outer.Bytes}
		for r.Next() {
			switch r.Num {
			case 1:
				p.Position, reason, err = eventAt(r.Bytes)
				r.Stop(err)
			case 2:
				p.Status = schemas.Status(r.Value)
			case 4:
				confirmed = true
			}
		}
		outer.Stop(r.Err)
	}
	if outer.Err != nil {
		return p, outer.Err
	}
	p.Shadow = p.Status == schemas.Successfully && !confirmed
	return p, known(p.Status, reason, p.Position)
}

// PackedEvent returns the record's packed event, whose memory it shares; nil if AppendPackedRecord
// did not write the record.
func (p PackedRecord) PackedEvent() []byte {
	record := p.Bytes
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
func (p PackedRecord) Record(key schemas.Key) (r schemas.Record, err error) {
	outer := protobuf.Reader{Tail: p.Bytes}
	for outer.Next() {
		outer.Stop(decodeRecord(&r, key, outer.Bytes, nil))
	}
	return r, outer.Err
}

func known(s schemas.Status, reason schemas.Reason, at schemas.Position) error {
	if s.String() == "" || !reason.Valid() || at.IsZero() {
		return fmt.Errorf("record: status %d, reason %d, log %d are not all known", s, reason, at.LogID)
	}
	return nil
}

func decodeRecord(r *schemas.Record, key schemas.Key, b []byte, t *protobuf.Texts) error {
	*r = schemas.Record{Event: schemas.Event{Key: key, RepeatsOffset: schemas.NoOffset}, SupersededByOffset: schemas.NoOffset}
	from := protobuf.Reader{Tail: b, Field: protobuf.Field{Texts: t}}
	for from.Next() {
		if from.Num != 1 {
			setRecord(r, &from.Field)
			continue
		}
		from.Stop(unpackEvent(&r.Event, from.Bytes, t))
	}
	if from.Err != nil {
		return fmt.Errorf("record: %w", from.Err)
	}
	return known(r.Status, r.Reason, r.Position)
}

// setRecord sets a field other than the event.
func setRecord(r *schemas.Record, f *protobuf.Field) {
	switch f.Num {
	case 2:
		r.Status = schemas.Status(f.Value)
	case 3:
		r.BeforeQty = f.Optional()
	case 4:
		r.AfterQty = f.Optional()
	case 5:
		r.FailureCode = schemas.FailureCode(f.Text())
	case 6:
		r.FailureReason = f.Text()
	case 7:
		r.SupersededBy = f.Text()
	case 8:
		r.SupersededByOffset = f.Int()
	case 9:
		r.Attempts = uint16(f.Value)
	case 10:
		r.RequestID = f.Text()
	case 11:
		r.QueuedAt = f.Time()
	case 12:
		r.FinishedAt = f.Time()
	case 13:
		r.PromotionFloor = f.Optional()
	case 14:
		r.ShopRefused = f.Value != 0
	}
}
