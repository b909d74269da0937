package schemas

import (
	"fmt"
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
	return appendRecord(b, PackEvent(room[:0], &r.Event), r)
}

// AppendPending adds the Pending record of a packed event to a message.
func AppendPending(b, packed []byte, queuedAt time.Time) []byte {
	return appendRecord(b, packed, &Record{Status: Pending, SupersededByOffset: NoOffset, QueuedAt: queuedAt})
}

// AppendSkipped adds the Skipped record of a packed event to a message. It is
// written for most events, so its length is reckoned before and nothing is copied twice.
func AppendSkipped(b, packed []byte, newer *Event, at time.Time) []byte {
	offset, finished := protowire.EncodeZigZag(newer.Position.Offset), protowire.EncodeZigZag(at.UnixMilli())
	size := 5 + protowire.SizeBytes(len(packed)) + protowire.SizeVarint(offset) + protowire.SizeVarint(finished) // 5: tags, and the status
	if newer.EventID != "" {
		size += 1 + protowire.SizeBytes(len(newer.EventID))
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.BytesType), uint64(size))
	b = putBytes(b, 1, packed)
	b = putUint(b, 2, uint64(Skipped))
	b = putText(b, 7, newer.EventID)
	b = putInt(b, 8, newer.Position.Offset)
	return putInt(b, 12, at.UnixMilli())
}

func appendRecord(b, packed []byte, r *Record) []byte {
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

// DecodeRecords reads a message of the records topic and yields its records one
// by one. The record is reused, and its texts share the message's memory.
func DecodeRecords(message []byte, yield func(*Record) error) error {
	rest, err := body(message)
	if err != nil {
		return err
	}
	var key Key
	var r Record
	return fields(rest, func(f field) (err error) {
		switch f.num {
		case 1:
			key, err = ParseKey(f.text())
		case 2:
			if key.Channel == "" {
				return fmt.Errorf("records: a record before the key")
			}
			if err = r.decode(key, f.bytes); err == nil {
				err = yield(&r)
			}
		}
		return err
	})
}

func (r *Record) decode(key Key, b []byte) error {
	*r = Record{Event: Event{Key: key, RepeatsOffset: NoOffset}, SupersededByOffset: NoOffset}
	if err := fields(b, r.takeRecordField); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if r.Status.String() == "" || !r.Reason.Valid() || r.Position.IsZero() {
		return fmt.Errorf("record: status %d, reason %d, log %d are not all known", r.Status, r.Reason, r.Position.LogID)
	}
	return nil
}

func (r *Record) takeRecordField(f field) error {
	switch f.num {
	case 1:
		return fields(f.bytes, r.takeField)
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
	return nil
}
