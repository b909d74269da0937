// Package schemastest has good and bad stock events for tests.
package schemastest

import (
	"fmt"
	"strings"

	"stockpush/schemas"
)

// BadEvent is input that must be rejected.
type BadEvent struct {
	Name, Key, Value string
	// Code is the expected error code.
	Code string
	// BeyondSchema marks a rule that JSON Schema cannot express.
	BeyondSchema bool
}

const (
	badKey = "shopee/10001/S"
	good   = `{"event_id":"b","reason":"sync_order","channel":"shopee","shop_id":10001,"store_sku":"S","item_id":1,"available":5,"occurred_at":"2026-01-02T03:04:05Z"}`
)

// change derives a bad event from the good one.
func change(name, code, old, replacement string) BadEvent {
	if !strings.Contains(good, old) {
		panic("schemastest: the good event has no " + old)
	}
	return BadEvent{Name: name, Key: badKey, Value: strings.Replace(good, old, replacement, 1), Code: code}
}

// BadEvents returns invalid inputs, each derived from a good event by one change.
func BadEvents() []BadEvent {
	all := append(badWholes(), badFields()...)
	for i := range all {
		all[i].BeyondSchema = beyondSchema[all[i].Code] || strings.HasPrefix(all[i].Name, "a leap second")
		if strings.HasPrefix(all[i].Value, "{") && all[i].Code != schemas.CodeNotJSON {
			// The number makes each value unique.
			all[i].Value = strings.Replace(all[i].Value, "{", fmt.Sprintf(`{"n":%d,`, i), 1)
		}
	}
	return all
}

// badWholes are invalid as a whole or together with their key.
func badWholes() []BadEvent {
	return []BadEvent{
		{Name: "empty", Key: badKey, Value: "", Code: schemas.CodeNotJSON},
		{Name: "not JSON", Key: badKey, Value: "hello", Code: schemas.CodeNotJSON},
		{Name: "an array", Key: badKey, Value: "[" + good + "]", Code: schemas.CodeNotJSON},
		{Name: "a number", Key: badKey, Value: "7", Code: schemas.CodeNotJSON},
		{Name: "null", Key: badKey, Value: "null", Code: schemas.CodeNotJSON},
		{Name: "cut off", Key: badKey, Value: good[:len(good)-1], Code: schemas.CodeNotJSON},
		{Name: "something follows", Key: badKey, Value: good + "{}", Code: schemas.CodeNotJSON},
		{Name: "a brace follows", Key: badKey, Value: good + "}", Code: schemas.CodeNotJSON},
		{Name: "a byte-order mark", Key: badKey, Value: "\ufeff" + good, Code: schemas.CodeNotJSON},
		{Name: "not UTF-8", Key: badKey, Value: strings.Replace(good, `"S"`, "\"\xff\"", 1), Code: schemas.CodeNotJSON},
		{Name: "an unknown field that is not JSON", Key: badKey, Value: `{"x":tru,` + good[1:], Code: schemas.CodeNotJSON},
		{Name: "too deep", Key: badKey, Value: `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `,` + good[1:], Code: schemas.CodeTooDeep},
		{Name: "a field twice", Key: badKey, Value: `{"item_id":1,` + good[1:], Code: schemas.CodeDuplicateField},
		{Name: "a field twice, once escaped", Key: badKey, Value: `{"item\u005fid":1,` + good[1:], Code: schemas.CodeDuplicateField},
		{Name: "another shop in the key", Key: "shopee/10002/S", Value: good, Code: schemas.CodeKeyMismatch},
		{Name: "no key", Key: "", Value: good, Code: schemas.CodeKeyMismatch},
	}
}

// badFields have one invalid field each.
func badFields() []BadEvent {
	return []BadEvent{
		change("empty event_id", schemas.CodeBadLength, `"b"`, `""`),
		change("long event_id", schemas.CodeBadLength, `"b"`, `"`+strings.Repeat("b", 65)+`"`),
		change("event_id a number", schemas.CodeWrongType, `"b"`, `1`),
		change("unknown reason", schemas.CodeUnknownReason, "sync_order", "sold_out"),
		change("reason by label", schemas.CodeUnknownReason, "sync_order", "Sync Order"),
		change("another channel", schemas.CodeUnknownChannel, `"shopee"`, `"lazada"`),
		change("shop 0", schemas.CodeOutOfRange, "10001", "0"),
		change("shop negative", schemas.CodeOutOfRange, "10001", "-1"),
		change("shop a text", schemas.CodeWrongType, "10001", `"10001"`),
		change("shop with a fraction", schemas.CodeWrongType, "10001", "10001.0"),
		change("shop with an exponent", schemas.CodeWrongType, "10001", "1e4"),
		change("shop too large", schemas.CodeOutOfRange, "10001", "9223372036854775808"),
		change("empty store SKU", schemas.CodeBadLength, `"S"`, `""`),
		change("long store SKU", schemas.CodeBadLength, `"S"`, `"`+strings.Repeat("é", 128)+`"`),
		change("control character", schemas.CodeBadText, `"S"`, `"S\u0001"`),
		change("delete character", schemas.CodeBadText, `"S"`, "\"S\x7f\""),
		change("unpaired surrogate", schemas.CodeBadText, `"S"`, `"S\ud800"`),
		change("item 0", schemas.CodeOutOfRange, `"item_id":1`, `"item_id":0`),
		change("item missing", schemas.CodeMissingField, `"item_id":1,`, ``),
		change("available true", schemas.CodeWrongType, `"available":5`, `"available":true`),
		change("available null", schemas.CodeMissingField, `"available":5`, `"available":null`),
		change("too much", schemas.CodeQuantityTooHigh, `"available":5`, `"available":10000001`),
		change("too much together", schemas.CodeQuantityTooHigh, `"available":5`, `"available":9999999,"promotion_reserved":2`),
		change("negative reserve", schemas.CodeOutOfRange, `"available":5`, `"available":5,"promotion_reserved":-1`),
		change("a time without zone", schemas.CodeBadTime, "05Z", "05"),
		change("a time with a small t", schemas.CodeBadTime, "02T03", "02t03"),
		change("a leap second", schemas.CodeBadTime, "05Z", "60Z"),
		change("a comma before the fraction", schemas.CodeBadTime, "05Z", "05,5Z"),
		change("retry_of with another reason", schemas.CodeNotAllowed, `"available":5`, `"available":5,"retry_of":"a","repeats_offset":1`),
		change("retry_of without repeats_offset", schemas.CodeNotAllowed, `"sync_order"`, `"push_now","retry_of":"a"`),
		change("repeats_offset with another reason", schemas.CodeNotAllowed, `"available":5`, `"available":5,"repeats_offset":1`),
		change("long location", schemas.CodeBadLength, `"available":5`, `"available":5,"location_id":"`+strings.Repeat("l", 65)+`"`),
		change("long requested_by", schemas.CodeBadLength, `"available":5`, `"available":5,"requested_by":"`+strings.Repeat("r", 129)+`"`),
		change("control character in requested_by", schemas.CodeBadText, `"available":5`, `"available":5,"requested_by":"a\nb"`),
		change("requested_by a number", schemas.CodeWrongType, `"available":5`, `"available":5,"requested_by":1`),
	}
}

// beyondSchema are the codes of rules that JSON Schema cannot express: JSON syntax, sums, lengths
// in bytes, agreement with the key.
var beyondSchema = map[string]bool{
	schemas.CodeNotJSON: true, schemas.CodeTooDeep: true, schemas.CodeDuplicateField: true, schemas.CodeKeyMismatch: true,
	schemas.CodeQuantityTooHigh: true,
}

// GoodEvents are values of valid events. All have the key GoodKey.
func GoodEvents() []string {
	const start = `{"event_id":"g","reason":"push_now","channel":"shopee","shop_id":10001,"store_sku":"S/ü","item_id":1,"available":5,"occurred_at":`
	return []string{
		start + `"2026-01-02T03:04:05Z"}`,
		start + `"2026-01-02T03:04:05.123456789+08:00"}`,
		start + `"2026-01-02T03:04:05Z","model_id":null,"merchant_sku":null,"retry_of":null}`,
		start + `"2026-01-02T03:04:05Z","x":{"y":[1,2,{"z":null}]},"retry_of":"f","repeats_offset":0,"requested_by":"ann@example.com"}`,
		start + `"2026-01-02T03:04:05Z","requested_by":null}`,
		" \t\n" + start + `"2026-01-02T03:04:05Z", "promotion_reserved" : 9999995 , "location_id":"IDZ"} ` + "\n",
		strings.Replace(start, `"available":5`, `"available":-9223372036854775807`, 1) + `"2026-01-02T03:04:05Z"}`,
		strings.Replace(start, `"event_id":"g"`, `"event_id":"`+strings.Repeat("ü", 64)+`"`, 1) + `"2026-01-02T03:04:05Z"}`,
		strings.Replace(start, `"event_id":"g"`, `"event\u005fid":"\ud83d\ude00"`, 1) + `"2026-01-02T03:04:05Z"}`,
	}
}

// GoodKey is the Kafka key of GoodEvents.
const GoodKey = "shopee/10001/S/ü"
