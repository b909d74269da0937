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

// decodeProtobuf reads what key and whole do not concern. A field on the wire counts as given, also
// when it is empty, and may be given once.
func decodeProtobuf(e *Event, value []byte, t *texts) *BadEvent {
	var seen fieldSet
	r := reader{tail: value, field: field{texts: t}}
	for r.next() {
		if int(r.num) >= len(protobufFields) {
			continue
		}
		known := protobufFields[r.num]
		if seen.has(known) {
			return twice(known)
		}
		seen.add(known)
		if bad := setProtobuf(e, known, &r.field); bad != nil {
			return bad
		}
	}
	if r.err != nil {
		return notProtobuf(r.err)
	}
	return seen.checkComplete()
}

func notProtobuf(err error) *BadEvent {
	return &BadEvent{Code: CodeNotProtobuf, Message: "the value is not a Protobuf message: " + err.Error()}
}

// setProtobuf sets a known field of the event.
func setProtobuf(e *Event, known int, f *field) *BadEvent {
	if to := textField(e, known); to != nil {
		return protobufText(f, to, known)
	}
	if to := integerField(e, known); to != nil {
		return protobufInteger(f, to, known)
	}
	if known == fieldReason {
		return protobufReason(f, &e.Reason)
	}
	return protobufTime(f, &e.OccurredAt)
}

func protobufText(f *field, to *string, known int) *BadEvent {
	if f.typ != protowire.BytesType {
		return wrongType(known, "a text")
	}
	*to = f.text()
	if plainPrefix(f.bytes) < len(f.bytes) && (hasControl(*to) || !utf8.ValidString(*to)) {
		return &BadEvent{Code: CodeBadText, Field: fieldNames[known], Message: "control characters, or not UTF-8"}
	}
	return checkLength(known, *to)
}

// protobufInteger sets an integer; available, which may be negative, is of type sint64.
func protobufInteger(f *field, to *int64, known int) *BadEvent {
	if f.typ != protowire.VarintType {
		return wrongType(known, "an integer")
	}
	*to = int64(f.value)
	if known == fieldAvailable {
		*to = protowire.DecodeZigZag(f.value)
	}
	if *to < minimums[known] {
		return outOfRange(known)
	}
	return nil
}

func protobufReason(f *field, to *Reason) *BadEvent {
	if f.typ != protowire.VarintType {
		return wrongType(fieldReason, "a number of the enum Reason")
	}
	if f.value < 1 || f.value > uint64(StockCount) {
		return &BadEvent{Code: CodeUnknownReason, Field: fieldNames[fieldReason], Message: fmt.Sprintf("the enum Reason has no %d", int64(f.value))}
	}
	*to = Reason(f.value)
	return nil
}

// The seconds of the first and the last time that a google.protobuf.Timestamp may have.
var (
	firstSecond = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

func protobufTime(f *field, to *time.Time) *BadEvent {
	if f.typ != protowire.BytesType {
		return wrongType(fieldOccurredAt, "a google.protobuf.Timestamp")
	}
	var parts [3]int64 // by field number: seconds are 1, nanos are 2
	r := reader{tail: f.bytes}
	for r.next() {
		if int(r.num) < len(parts) && r.typ == protowire.VarintType {
			parts[r.num] = int64(r.value)
		}
	}
	if r.err != nil {
		return notProtobuf(r.err)
	}
	seconds, nanos := parts[1], parts[2]
	if seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos > 999_999_999 {
		return &BadEvent{Code: CodeBadTime, Field: fieldNames[fieldOccurredAt], Message: "not within the years 1 to 9999, or nanos not within 0 to 999999999"}
	}
	*to = time.Unix(seconds, nanos).UTC()
	return nil
}
