package stockevent

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"stockpush/schemas"
)

// The known fields, in the order of the contract's table. The first ones, up to
// fieldOccurredAt, are required.
const (
	fieldEventID = iota
	fieldReason
	fieldChannel
	fieldShopID
	fieldStoreSKU
	fieldItemID
	fieldAvailable
	fieldOccurredAt
	fieldMerchantSKU
	fieldModelID
	fieldLocationID
	fieldPromotionReserved
	fieldRetryOf
	fieldRepeatsOffset
	fieldRequestedBy
	fieldCount
)

const requiredFields = fieldOccurredAt + 1

var fieldNames = [fieldCount]string{
	"event_id", "reason", "channel", "shop_id", "store_sku", "item_id", "available", "occurred_at",
	"merchant_sku", "model_id", "location_id", "promotion_reserved", "retry_of", "repeats_offset", "requested_by",
}

var fieldByName = func() map[string]int {
	by := map[string]int{}
	for field, name := range fieldNames {
		by[name] = field
	}
	return by
}()

// fieldOf returns the field of a name, or fieldCount if it is unknown.
func fieldOf(name []byte) int {
	if field, known := fieldByName[string(name)]; known {
		return field
	}
	return fieldCount
}

// limits are the lengths that a text may have, in bytes or in characters.
type limits struct {
	low, high  int
	characters bool
}

// textLimits are the limits of the fields that are texts.
var textLimits = [fieldCount]limits{
	fieldEventID: {1, 64, true}, fieldReason: {0, 1 << 10, false}, fieldChannel: {0, 255, false}, fieldStoreSKU: {1, 255, false},
	fieldOccurredAt: {0, 1 << 10, false}, fieldMerchantSKU: {0, 255, false}, fieldLocationID: {0, 64, false}, fieldRetryOf: {1, 64, true},
	fieldRequestedBy: {0, schemas.MaxRequestedByBytes, false},
}

// minimums are the least values of the fields that are integers.
var minimums = [fieldCount]int64{fieldShopID: 1, fieldItemID: 1, fieldAvailable: -math.MaxInt64}

// textField returns where a field is that is any text; nil for other fields.
func textField(e *schemas.Event, field int) *string {
	switch field {
	case fieldEventID:
		return &e.EventID
	case fieldChannel:
		return &e.Key.Channel
	case fieldStoreSKU:
		return &e.Key.StoreSKU
	case fieldMerchantSKU:
		return &e.MerchantSKU
	case fieldLocationID:
		return &e.LocationID
	case fieldRetryOf:
		return &e.RetryOf
	case fieldRequestedBy:
		return &e.RequestedBy
	}
	return nil
}

// integerField returns where a field is that is an integer; nil for other fields.
func integerField(e *schemas.Event, field int) *int64 {
	switch field {
	case fieldShopID:
		return &e.Key.ShopID
	case fieldItemID:
		return &e.ItemID
	case fieldAvailable:
		return &e.Available
	case fieldModelID:
		return &e.ModelID
	case fieldPromotionReserved:
		return &e.PromotionReserved
	case fieldRepeatsOffset:
		return &e.RepeatsOffset
	}
	return nil
}

// checkLength checks a text against its field's limits.
func checkLength(field int, text string) *schemas.BadEvent {
	l, n := textLimits[field], len(text)
	if l.characters && n > l.high { // a text has at most as many characters as bytes
		n = utf8.RuneCountInString(text)
	}
	if n < l.low || n > l.high {
		return &schemas.BadEvent{Code: schemas.CodeBadLength, Field: fieldNames[field], Message: fmt.Sprintf("%d long, not %d to %d", n, l.low, l.high)}
	}
	return nil
}

// outOfRange is the error of an integer below its field's minimum, or beyond 64 bits.
func outOfRange(field int) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeOutOfRange, Field: fieldNames[field], Message: fmt.Sprintf("not within %d to %d", minimums[field], int64(math.MaxInt64))}
}

// twice is the error of a field that is there again.
func twice(field int) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeDuplicateField, Field: fieldNames[field], Message: "the field is given twice"}
}

// wrongType is the error of a field whose value is not of its type, such as "a text".
func wrongType(field int, want string) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeWrongType, Field: fieldNames[field], Message: "not " + want}
}

// fieldSet is a set of known fields.
type fieldSet uint16

func (s fieldSet) has(field int) bool { return s&(1<<field) != 0 }
func (s *fieldSet) add(field int)     { *s |= 1 << field }

// complete says whether every required field is there.
func (s fieldSet) complete() bool { return s&(1<<requiredFields-1) == 1<<requiredFields-1 }

// checkComplete names the first required field that is not in the set.
func (s fieldSet) checkComplete() *schemas.BadEvent {
	for field := range requiredFields {
		if !s.has(field) {
			return &schemas.BadEvent{Code: schemas.CodeMissingField, Field: fieldNames[field], Message: "the field is required"}
		}
	}
	return nil
}

// parseTime reads RFC 3339 more strictly than package time, which accepts an hour of one
// digit, a comma before the fraction, and a zone beyond 23:59.
func parseTime(to *time.Time, text []byte) bool {
	if to.UnmarshalText(text) != nil || len(text) < len("2026-01-02T03:04:05Z") || text[13] != ':' || text[19] == ',' {
		return false
	}
	zoneHour := text[len(text)-5 : len(text)-3]
	return text[len(text)-1] == 'Z' || string(zoneHour) <= "23"
}

// times reads the times of one event after the other. Most are of the same second as the one before.
// The zero value is ready.
type times struct {
	// second is the last time in UTC as a text without its fraction, and at the time that it means.
	second [len("2026-01-02T03:04:05")]byte
	at     time.Time
}

// parse is parseTime. It parses only the fraction of a time in UTC if the second is that of the last
// one.
func (t *times) parse(to *time.Time, text []byte) bool {
	const end = len(t.second)
	if len(text) > end && string(text[:end]) == string(t.second[:]) {
		if nanos, ok := fraction(text[end:]); ok {
			*to = t.at.Add(nanos)
			return true
		}
	}
	if !parseTime(to, text) {
		return false
	}
	if text[len(text)-1] == 'Z' {
		copy(t.second[:], text)
		t.at = to.Truncate(time.Second)
	}
	return true
}

// fraction reads what follows the seconds of a time in UTC: "Z", or up to nine digits of a fraction.
func fraction(text []byte) (nanos time.Duration, ok bool) {
	last := len(text) - 1
	if text[last] != 'Z' || last == 1 || last > 10 || last > 0 && text[0] != '.' {
		return 0, false
	}
	unit := time.Second
	for _, c := range text[min(1, last):last] {
		if c < '0' || c > '9' {
			return 0, false
		}
		unit /= 10
		nanos += time.Duration(c-'0') * unit
	}
	return nanos, true
}

// checkWhole checks what concerns more than one field.
func checkWhole(e *schemas.Event, key []byte) *schemas.BadEvent {
	switch {
	case e.Key.Channel != schemas.ChannelShopee:
		return &schemas.BadEvent{Code: schemas.CodeUnknownChannel, Field: "channel", Message: "the only channel is shopee"}
	case e.RetryOf != "" && (e.Reason != schemas.PushNow || !e.Repeats()):
		return &schemas.BadEvent{Code: schemas.CodeNotAllowed, Field: "retry_of", Message: "only with reason push_now and with repeats_offset"}
	case e.Repeats() && e.Reason != schemas.PushNow && e.Reason != schemas.RefreshInventory:
		return &schemas.BadEvent{Code: schemas.CodeNotAllowed, Field: "repeats_offset", Message: "only with reason push_now or refresh_inventory"}
	case e.PromotionReserved > schemas.MaxPushQty || e.Available > schemas.MaxPushQty || e.PushQty() > schemas.MaxPushQty:
		return &schemas.BadEvent{Code: schemas.CodeQuantityTooHigh, Message: "available and promotion_reserved add up to more than " + strconv.Itoa(schemas.MaxPushQty)}
	case !e.Key.Is(key):
		return &schemas.BadEvent{Code: schemas.CodeKeyMismatch, Message: "the Kafka key is not <channel>/<shop_id>/<store_sku> of the value"}
	}
	return nil
}
