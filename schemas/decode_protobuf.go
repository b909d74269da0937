package schemas

import (
	"fmt"
	"math"
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
func decodeProtobuf(e *Event, value []byte) *BadEvent {
	text := string(value)
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
	if !seen.complete() {
		return seen.missing()
	}
	return nil
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

// missing names the first required field that is not in the set.
func (s fieldSet) missing() *BadEvent {
	for field := range requiredFields {
		if !s.has(field) {
			return &BadEvent{Code: CodeMissingField, Field: fieldNames[field], Message: "the field is required"}
		}
	}
	return nil
}

func notProtobuf(n int) *BadEvent {
	return &BadEvent{Code: CodeNotProtobuf, Message: "the value is not a Protobuf message: " + protowire.ParseError(n).Error()}
}

// setProtobuf sets a known field of the event.
func (e *Event) setProtobuf(field int, v *wireValue) *BadEvent {
	switch field {
	case fieldEventID:
		return v.setText(&e.EventID, field, limits{1, 64, true})
	case fieldReason:
		return v.setReason(&e.Reason)
	case fieldChannel:
		return v.setText(&e.Key.Channel, field, limits{0, 255, false})
	case fieldShopID:
		return v.setInteger(&e.Key.ShopID, field, 1)
	case fieldStoreSKU:
		return v.setText(&e.Key.StoreSKU, field, limits{1, 255, false})
	case fieldItemID:
		return v.setInteger(&e.ItemID, field, 1)
	case fieldAvailable:
		return v.setSigned(&e.Available, field)
	case fieldOccurredAt:
		return v.setTime(&e.OccurredAt)
	case fieldMerchantSKU:
		return v.setText(&e.MerchantSKU, field, limits{0, 255, false})
	case fieldModelID:
		return v.setInteger(&e.ModelID, field, 0)
	case fieldLocationID:
		return v.setText(&e.LocationID, field, limits{0, 64, false})
	case fieldPromotionReserved:
		return v.setInteger(&e.PromotionReserved, field, 0)
	case fieldRetryOf:
		return v.setText(&e.RetryOf, field, limits{1, 64, true})
	case fieldRepeatsOffset:
		return v.setInteger(&e.RepeatsOffset, field, 0)
	default:
		return v.setText(&e.RequestedBy, field, limits{0, MaxRequestedByBytes, false})
	}
}

func (v *wireValue) setText(to *string, field int, l limits) *BadEvent {
	name := fieldNames[field]
	if v.kind != protowire.BytesType {
		return &BadEvent{Code: CodeWrongType, Field: name, Message: "not a text"}
	}
	n := len(v.text)
	if plainPrefix(v.bytes) < n { // else it is printable ASCII
		if !plainText(v.text) {
			return &BadEvent{Code: CodeBadText, Field: name, Message: "control characters, or not UTF-8"}
		}
		if l.characters {
			n = utf8.RuneCountInString(v.text)
		}
	}
	if n < l.low || n > l.high {
		return &BadEvent{Code: CodeBadLength, Field: name, Message: fmt.Sprintf("%d long, not %d to %d", n, l.low, l.high)}
	}
	*to = v.text
	return nil
}

// plainText reports whether a text is UTF-8 without control characters.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

func (v *wireValue) setInteger(to *int64, field int, low int64) *BadEvent {
	if v.kind != protowire.VarintType {
		return &BadEvent{Code: CodeWrongType, Field: fieldNames[field], Message: "not an integer"}
	}
	return inRange(to, field, int64(v.varint), low)
}

// setSigned reads an integer of type sint64.
func (v *wireValue) setSigned(to *int64, field int) *BadEvent {
	if v.kind != protowire.VarintType {
		return &BadEvent{Code: CodeWrongType, Field: fieldNames[field], Message: "not an integer"}
	}
	return inRange(to, field, protowire.DecodeZigZag(v.varint), -math.MaxInt64)
}

func inRange(to *int64, field int, n, low int64) *BadEvent {
	if n < low {
		return &BadEvent{Code: CodeOutOfRange, Field: fieldNames[field], Message: fmt.Sprintf("not within %d to %d", low, int64(math.MaxInt64))}
	}
	*to = n
	return nil
}

func (v *wireValue) setReason(to *Reason) *BadEvent {
	if v.kind != protowire.VarintType {
		return &BadEvent{Code: CodeWrongType, Field: fieldNames[fieldReason], Message: "not a number of the enum Reason"}
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
		return &BadEvent{Code: CodeWrongType, Field: fieldNames[fieldOccurredAt], Message: "not a google.protobuf.Timestamp"}
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
