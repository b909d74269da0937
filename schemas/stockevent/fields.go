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

// fields has what is known of each field, and rules that concern it alone.
var fields = [fieldCount]struct {
	name string
	// text is where a field is that is any text, and integer where one is that is an integer.
	text    func(*schemas.Event) *string
	integer func(*schemas.Event) *int64
	// low and high limit a text's length, in bytes or, if characters is set, in characters.
	low, high  int
	characters bool
	// least is the least value of an integer.
	least int64
}{
	fieldEventID:           {name: "event_id", text: func(e *schemas.Event) *string { return &e.EventID }, low: 1, high: 64, characters: true},
	fieldReason:            {name: "reason", high: 1 << 10},
	fieldChannel:           {name: "channel", text: func(e *schemas.Event) *string { return &e.Key.Channel }, high: 255},
	fieldShopID:            {name: "shop_id", integer: func(e *schemas.Event) *int64 { return &e.Key.ShopID }, least: 1},
	fieldStoreSKU:          {name: "store_sku", text: func(e *schemas.Event) *string { return &e.Key.StoreSKU }, low: 1, high: 255},
	fieldItemID:            {name: "item_id", integer: func(e *schemas.Event) *int64 { return &e.ItemID }, least: 1},
	fieldAvailable:         {name: "available", integer: func(e *schemas.Event) *int64 { return &e.Available }, least: -math.MaxInt64},
	fieldOccurredAt:        {name: "occurred_at", high: 1 << 10},
	fieldMerchantSKU:       {name: "merchant_sku", text: func(e *schemas.Event) *string { return &e.MerchantSKU }, high: 255},
	fieldModelID:           {name: "model_id", integer: func(e *schemas.Event) *int64 { return &e.ModelID }},
	fieldLocationID:        {name: "location_id", text: func(e *schemas.Event) *string { return &e.LocationID }, high: 64},
	fieldPromotionReserved: {name: "promotion_reserved", integer: func(e *schemas.Event) *int64 { return &e.PromotionReserved }},
	fieldRetryOf:           {name: "retry_of", text: func(e *schemas.Event) *string { return &e.RetryOf }, low: 1, high: 64, characters: true},
	fieldRepeatsOffset:     {name: "repeats_offset", integer: func(e *schemas.Event) *int64 { return &e.RepeatsOffset }},
	fieldRequestedBy:       {name: "requested_by", text: func(e *schemas.Event) *string { return &e.RequestedBy }, high: schemas.MaxRequestedByBytes},
}

var fieldByName = func() map[string]int {
	by := map[string]int{}
	for field := range fields {
		by[fields[field].name] = field
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

// checkLength checks a text against its field's limits.
func checkLength(field int, text string) *schemas.BadEvent {
	f, n := &fields[field], len(text)
	if f.characters && n > f.high { // a text has at most as many characters as bytes
		n = utf8.RuneCountInString(text)
	}
	if n < f.low || n > f.high {
		return &schemas.BadEvent{Code: schemas.CodeBadLength, Field: f.name, Message: fmt.Sprintf("%d long, not %d to %d", n, f.low, f.high)}
	}
	return nil
}

// outOfRange is the error of an integer below its field's minimum, or beyond 64 bits.
func outOfRange(field int) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeOutOfRange, Field: fields[field].name, Message: fmt.Sprintf("not within %d to %d", fields[field].least, int64(math.MaxInt64))}
}

// twice is the error of a field that is there again.
func twice(field int) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeDuplicateField, Field: fields[field].name, Message: "the field is given twice"}
}

// wrongType is the error of a field whose value is not of its type, such as "a text".
func wrongType(field int, want string) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeWrongType, Field: fields[field].name, Message: "not " + want}
}

// fieldSet is a set of known fields.
type fieldSet uint16

func (s fieldSet) has(field int) bool { return s&(1<<field) != 0 }
func (s *fieldSet) add(field int)     { *s |= 1 << field }

// checkComplete names the first required field that is not in the set.
func (s fieldSet) checkComplete() *schemas.BadEvent {
	for field := range requiredFields {
		if !s.has(field) {
			return &schemas.BadEvent{Code: schemas.CodeMissingField, Field: fields[field].name, Message: "the field is required"}
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
