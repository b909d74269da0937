package schemas

import (
	"errors"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// maxDepth is how deep an event may be nested; the object itself counts.
const maxDepth = 64

// The known fields, in the order of the contract's table. The first ones, up to
// fieldOccurredAt, are required unless they are named below.
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

// firstNames and nextNames are the names as most producers write them: with the colon, and
// with the brace before the first one or the comma before the others.
var firstNames, nextNames = namesAfter('{'), namesAfter(',')

func namesAfter(before byte) (names [fieldCount]string) {
	for field, name := range fieldNames {
		names[field] = string(before) + `"` + name + `":`
	}
	return names
}

// fieldSet is a set of known fields.
type fieldSet uint16

func (s fieldSet) has(field int) bool { return s&(1<<field) != 0 }
func (s *fieldSet) add(field int)     { *s |= 1 << field }

// complete says whether every required field is there.
func (s fieldSet) complete() bool { return s&(1<<requiredFields-1) == 1<<requiredFields-1 }

// decodeStrict reads any value, and names the first rule that it breaks.
func decodeStrict(e *Event, value []byte) *BadEvent {
	d := strictDecoder{event: e}
	if bad := d.object(value); bad != nil {
		return bad
	}
	for field := range requiredFields {
		if !d.set.has(field) {
			return &BadEvent{Code: CodeMissingField, Field: fieldNames[field], Message: "the field is required"}
		}
	}
	return nil
}

type strictDecoder struct {
	event *Event
	seen  fieldSet
	set   fieldSet
	bad   *BadEvent
}

// object reads the fields one by one. The text is checked to be UTF-8 as a
// whole, since JSON is.
func (d *strictDecoder) object(value []byte) *BadEvent {
	if !utf8.Valid(value) {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not UTF-8"}
	}
	dec := jx.GetDecoder()
	defer jx.PutDecoder(dec)
	dec.ResetBytes(value)
	if dec.Next() != jx.Object {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not a JSON object"}
	}
	err := dec.ObjBytes(d.field)
	if d.bad != nil {
		return d.bad
	}
	if err != nil {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not JSON: " + cut(err.Error(), 200)}
	}
	if !errors.Is(dec.Skip(), io.EOF) {
		return &BadEvent{Code: CodeNotJSON, Message: "something follows the JSON object"}
	}
	return nil
}

func (d *strictDecoder) field(dec *jx.Decoder, name []byte) error {
	field := fieldOf(string(name))
	dec.Next() // skips the white space before the value, which Raw would include
	raw, err := dec.Raw()
	if err != nil {
		return err
	}
	if field == fieldCount {
		return d.stop(checkUnknown(raw))
	}
	if d.seen.has(field) {
		return d.stop(&BadEvent{Code: CodeDuplicateField, Field: fieldNames[field], Message: "the field is given twice"})
	}
	d.seen.add(field)
	if raw[0] == 'n' {
		return nil // null is the same as absent
	}
	d.set.add(field)
	return d.stop(d.take(field, raw))
}

// stop remembers the first bad field and ends the reading.
func (d *strictDecoder) stop(bad *BadEvent) error {
	if bad == nil {
		return nil
	}
	d.bad = bad
	return bad
}

// fieldsByLength has the fields by the length of their names, in bytes.
var fieldsByLength = func() (by [len("promotion_reserved") + 1][]int) {
	for field, name := range fieldNames {
		by[len(name)] = append(by[len(name)], field)
	}
	return by
}()

// fieldOf returns the field of a name, or fieldCount if it is unknown.
func fieldOf(name string) int {
	if len(name) >= len(fieldsByLength) {
		return fieldCount
	}
	for _, field := range fieldsByLength[len(name)] {
		if name == fieldNames[field] {
			return field
		}
	}
	return fieldCount
}

func (d *strictDecoder) take(field int, raw []byte) *BadEvent {
	e := d.event
	switch field {
	case fieldEventID:
		return text(&e.EventID, field, raw, limits{1, 64, true})
	case fieldReason:
		return d.takeReason(raw)
	case fieldChannel:
		return text(&e.Key.Channel, field, raw, limits{0, 255, false})
	case fieldShopID:
		return integer(&e.Key.ShopID, field, raw, 1)
	case fieldStoreSKU:
		return text(&e.Key.StoreSKU, field, raw, limits{1, 255, false})
	case fieldItemID:
		return integer(&e.ItemID, field, raw, 1)
	case fieldAvailable:
		return integer(&e.Available, field, raw, -1<<63+1)
	case fieldOccurredAt:
		return d.takeOccurredAt(raw)
	case fieldMerchantSKU:
		return text(&e.MerchantSKU, field, raw, limits{0, 255, false})
	case fieldModelID:
		return integer(&e.ModelID, field, raw, 0)
	case fieldLocationID:
		return text(&e.LocationID, field, raw, limits{0, 64, false})
	case fieldPromotionReserved:
		return integer(&e.PromotionReserved, field, raw, 0)
	case fieldRetryOf:
		return text(&e.RetryOf, field, raw, limits{1, 64, true})
	case fieldRepeatsOffset:
		return integer(&e.RepeatsOffset, field, raw, 0)
	default:
		return text(&e.RequestedBy, field, raw, limits{0, MaxRequestedByBytes, false})
	}
}

func (d *strictDecoder) takeReason(raw []byte) *BadEvent {
	var slug string
	if bad := text(&slug, fieldReason, raw, limits{0, 1 << 10, false}); bad != nil {
		return bad
	}
	reason, err := ParseReason(slug)
	if err != nil {
		return &BadEvent{Code: CodeUnknownReason, Field: "reason", Message: cut(err.Error(), 100)}
	}
	d.event.Reason = reason
	return nil
}

func (d *strictDecoder) takeOccurredAt(raw []byte) *BadEvent {
	var at string
	if bad := text(&at, fieldOccurredAt, raw, limits{0, 1 << 10, false}); bad != nil {
		return bad
	}
	if !parseTime(&d.event.OccurredAt, []byte(at)) {
		return &BadEvent{Code: CodeBadTime, Field: "occurred_at", Message: "not a time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05.678+08:00"}
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
func checkWhole(e *Event, key []byte) *BadEvent {
	switch {
	case e.Key.Channel != ChannelShopee:
		return &BadEvent{Code: CodeUnknownChannel, Field: "channel", Message: "the only channel is shopee"}
	case e.RetryOf != "" && (e.Reason != PushNow || !e.Repeats()):
		return &BadEvent{Code: CodeNotAllowed, Field: "retry_of", Message: "only with reason push_now and with repeats_offset"}
	case e.Repeats() && e.Reason != PushNow && e.Reason != RefreshInventory:
		return &BadEvent{Code: CodeNotAllowed, Field: "repeats_offset", Message: "only with reason push_now or refresh_inventory"}
	case e.PromotionReserved > MaxPushQty || e.Available > MaxPushQty || e.PushQty() > MaxPushQty:
		return &BadEvent{Code: CodeQuantityTooHigh, Message: "available and promotion_reserved add up to more than " + strconv.Itoa(MaxPushQty)}
	case !e.Key.is(key):
		return &BadEvent{Code: CodeKeyMismatch, Message: "the Kafka key is not <channel>/<shop_id>/<store_sku> of the value"}
	}
	return nil
}
