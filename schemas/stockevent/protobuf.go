package stockevent

import (
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// protobufFields are the known fields by their numbers in stock_event.proto.
var protobufFields = [...]int{
	1: fieldEventID, 2: fieldReason, 3: fieldChannel, 4: fieldShopID, 5: fieldStoreSKU, 6: fieldMerchantSKU, 7: fieldItemID, 8: fieldModelID,
	9: fieldLocationID, 10: fieldAvailable, 11: fieldPromotionReserved, 12: fieldOccurredAt, 13: fieldRetryOf, 14: fieldRepeatsOffset, 15: fieldRequestedBy,
}

// decodeProtobuf reads what key and whole do not concern. A field on the wire counts as given, also
// when it is empty, and may be given once.
func decodeProtobuf(e *schemas.Event, value []byte, t *protobuf.Texts) *schemas.BadEvent {
	var seen fieldSet
	r := protobuf.Reader{Tail: value, Field: protobuf.Field{Texts: t}}
	for r.Next() {
		if int(r.Num) >= len(protobufFields) {
			continue
		}
		known := protobufFields[r.Num]
		if seen.has(known) {
			return twice(known)
		}
		seen.add(known)
		if bad := setProtobuf(e, known, &r.Field); bad != nil {
			return bad
		}
	}
	if r.Err != nil {
		return notProtobuf(r.Err)
	}
	return seen.checkComplete()
}

func notProtobuf(err error) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeNotProtobuf, Message: "the value is not a Protobuf message: " + err.Error()}
}

// setProtobuf sets a known field of the event.
func setProtobuf(e *schemas.Event, known int, f *protobuf.Field) *schemas.BadEvent {
	switch {
	case fields[known].text != nil:
		return protobufText(f, fields[known].text(e), known)
	case fields[known].integer != nil:
		return protobufInteger(f, fields[known].integer(e), known)
	case known == fieldReason:
		return protobufReason(f, &e.Reason)
	default:
		return protobufTime(f, &e.OccurredAt)
	}
}

func protobufText(f *protobuf.Field, to *string, known int) *schemas.BadEvent {
	if f.Typ != protowire.BytesType {
		return wrongType(known, "a text")
	}
	*to = f.Text()
	if plainPrefix(f.Bytes) < len(f.Bytes) && (hasControl(*to) || !utf8.ValidString(*to)) {
		return &schemas.BadEvent{Code: schemas.CodeBadText, Field: fields[known].name, Message: "control characters, or not UTF-8"}
	}
	return checkLength(known, *to)
}

// protobufInteger sets an integer; available, which may be negative, is of type sint64.
func protobufInteger(f *protobuf.Field, to *int64, known int) *schemas.BadEvent {
	if f.Typ != protowire.VarintType {
		return wrongType(known, "an integer")
	}
	*to = int64(f.Value)
	if known == fieldAvailable {
		*to = protowire.DecodeZigZag(f.Value)
	}
	if *to < fields[known].least {
		return outOfRange(known)
	}
	return nil
}

func protobufReason(f *protobuf.Field, to *schemas.Reason) *schemas.BadEvent {
	if f.Typ != protowire.VarintType {
		return wrongType(fieldReason, "a number of the enum Reason")
	}
	if f.Value < 1 || f.Value > uint64(schemas.StockCount) {
		return &schemas.BadEvent{Code: schemas.CodeUnknownReason, Field: fields[fieldReason].name, Message: fmt.Sprintf("the enum Reason has no %d", int64(f.Value))}
	}
	*to = schemas.Reason(f.Value)
	return nil
}

// The seconds of the first and the last time that a google.protobuf.Timestamp may have.
var (
	firstSecond = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastSecond  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

func protobufTime(f *protobuf.Field, to *time.Time) *schemas.BadEvent {
	if f.Typ != protowire.BytesType {
		return wrongType(fieldOccurredAt, "a google.protobuf.Timestamp")
	}
	var parts [3]int64 // by field number: seconds are 1, nanos are 2
	r := protobuf.Reader{Tail: f.Bytes}
	for r.Next() {
		if int(r.Num) < len(parts) && r.Typ == protowire.VarintType {
			parts[r.Num] = int64(r.Value)
		}
	}
	if r.Err != nil {
		return notProtobuf(r.Err)
	}
	seconds, nanos := parts[1], parts[2]
	if seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos > 999_999_999 {
		return &schemas.BadEvent{Code: schemas.CodeBadTime, Field: fields[fieldOccurredAt].name, Message: "not within the years 1 to 9999, or nanos not within 0 to 999999999"}
	}
	*to = time.Unix(seconds, nanos).UTC()
	return nil
}
