package schemas

import (
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// protobufFields are the known fields by their numbers in stock_event.proto.
var protobufFields = [...]int{
	1: fieldEventID, 2: fieldReason, 3: fieldChannel, 4: fieldShopID, 5: fieldStoreSKU, 6: fieldMerchantSKU, 7: fieldItemID, 8: fieldModelID,
	9: fieldLocationID, 10: fieldAvailable, 11: fieldPromotionReserved, 12: fieldOccurredAt, 13: fieldRetryOf, 14: fieldRepeatsOffset, 15: fieldRequestedBy,
}

// decodeProtobuf reads what key and whole do not concern. The event's texts share one copy of the
// value. A field on the wire counts as given, also when it is empty, and may be given once.
func decodeProtobuf(e *Event, value []byte, t *texts) *BadEvent {
	text := t.of(value)
	var seen fieldSet
	for at := 0; at < len(value); {
		number, v, end := nextField(value, at)
		if end < 0 {
			return notProtobuf(end)
		}
		at = end
		if int(number) >= len(protobufFields) {
			continue
		}
		field := protobufFields[number]
		if seen.has(field) {
			return &BadEvent{Code: CodeDuplicateField, Field: fieldNames[field], Message: "the field is given twice"}
		}
		seen.add(field)
		v.text = text[end-len(v.bytes) : end]
		if bad := e.setProtobuf(field, &v); bad != nil {
			return bad
		}
	}
	return seen.checkComplete()
}

// wireValue is a field's value.
type wireValue struct {
	kind protowire.Type
	// varint is the value of a field of kind VarintType.
	varint uint64
	// bytes is the value of a field of kind BytesType, and text a copy of it that the event may keep.
	bytes []byte
	text  string
}

// nextField reads the field at an offset. Its end is a protowire error code if there is none.
func nextField(message []byte, at int) (number protowire.Number, v wireValue, end int) {
	number, kind, n := protowire.ConsumeTag(message[at:])
	if n < 0 {
		return 0, v, n
	}
	v.kind = kind
	at += n
	switch kind {
	case protowire.VarintType:
		v.varint, n = protowire.ConsumeVarint(message[at:])
	case protowire.BytesType:
		v.bytes, n = protowire.ConsumeBytes(message[at:])
	default:
		n = protowire.ConsumeFieldValue(number, kind, message[at:])
	}
	if n < 0 {
		return 0, v, n
	}
	return number, v, at + n
}

func notProtobuf(n int) *BadEvent {
	return &BadEvent{Code: CodeNotProtobuf, Message: "the value is not a Protobuf message: " + protowire.ParseError(n).Error()}
}

// setProtobuf sets a known field of the event.
func (e *Event) setProtobuf(field int, v *wireValue) *BadEvent {
	if to := e.text(field); to != nil {
		return v.setText(to, field)
	}
	if to := e.integer(field); to != nil {
		return v.setInteger(to, field)
	}
	if field == fieldReason {
		return v.setReason(&e.Reason)
	}
	return v.setTime(&e.OccurredAt)
}

func (v *wireValue) setText(to *string, field int) *BadEvent {
	if v.kind != protowire.BytesType {
		return wrongType(field, "a text")
	}
	if plainPrefix(v.bytes) < len(v.bytes) && (hasControl(v.text) || !utf8.ValidString(v.text)) {
		return &BadEvent{Code: CodeBadText, Field: fieldNames[field], Message: "control characters, or not UTF-8"}
	}
	*to = v.text
	return checkLength(field, v.text)
}

// setInteger sets an integer; available, which may be negative, is of type sint64.
func (v *wireValue) setInteger(to *int64, field int) *BadEvent {
	if v.kind != protowire.VarintType {
		return wrongType(field, "an integer")
	}
	*to = int64(v.varint)
	if field == fieldAvailable {
		*to = protowire.DecodeZigZag(v.varint)
	}
	if *to < minimums[field] {
		return outOfRange(field)
	}
	return nil
}

func (v *wireValue) setReason(to *Reason) *BadEvent {
	if v.kind != protowire.VarintType {
		return wrongType(fieldReason, "a number of the enum Reason")
	}
	if v.varint < 1 || v.varint >= uint64(len(reasonNames)) {
		return &BadEvent{Code: CodeUnknownReason, Field: fieldNames[fieldReason], Message: fmt.Sprintf("the enum Reason has no %d", int64(v.varint))}
	}
	*to = Reason(v.varint)
	return nil
}

// The seconds of the first and the last time that a google.protobuf.Timestamp may have.
var (
	firstSecond = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

func (v *wireValue) setTime(to *time.Time) *BadEvent {
	if v.kind != protowire.BytesType {
		return wrongType(fieldOccurredAt, "a google.protobuf.Timestamp")
	}
	var parts [3]int64 // by field number: seconds are 1, nanos are 2
	for at := 0; at < len(v.bytes); {
		number, part, end := nextField(v.bytes, at)
		if end < 0 {
			return notProtobuf(end)
		}
		at = end
		if int(number) < len(parts) && part.kind == protowire.VarintType {
			parts[number] = int64(part.varint)
		}
	}
	seconds, nanos := parts[1], parts[2]
	if seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos > 999_999_999 {
		return &BadEvent{Code: CodeBadTime, Field: fieldNames[fieldOccurredAt], Message: "not within the years 1 to 9999, or nanos not within 0 to 999999999"}
	}
	*to = time.Unix(seconds, nanos).UTC()
	return nil
}
