package main

import (
	"fmt"
	"strings"

	"stockpush/schemas"
)

type badEvent struct{ name, key, value, code string }

// badEvents are kinds of input that nobody can use, each made from a good event
// by one change.
func badEvents() []badEvent {
	const key = "shopee/10001/S"
	const good = `{"event_id":"b","reason":"sync_order","channel":"shopee","shop_id":10001,"store_sku":"S","item_id":1,"available":5,"occurred_at":"2026-01-02T03:04:05Z"}`
	change := func(name, code, old, replacement string) badEvent {
		if !strings.Contains(good, old) {
			panic(old)
		}
		return badEvent{name, key, strings.Replace(good, old, replacement, 1), code}
	}
	all := []badEvent{
		{"empty", key, "", schemas.CodeNotJSON},
		{"not JSON", key, "hello", schemas.CodeNotJSON},
		{"an array", key, "[" + good + "]", schemas.CodeNotJSON},
		{"a number", key, "7", schemas.CodeNotJSON},
		{"null", key, "null", schemas.CodeNotJSON},
		{"cut off", key, good[:len(good)-1], schemas.CodeNotJSON},
		{"something follows", key, good + "{}", schemas.CodeNotJSON},
		{"a brace follows", key, good + "}", schemas.CodeNotJSON},
		{"a byte-order mark", key, "\ufeff" + good, schemas.CodeNotJSON},
		{"not UTF-8", key, strings.Replace(good, `"S"`, "\"\xff\"", 1), schemas.CodeNotJSON},
		{"an unknown field that is not JSON", key, `{"x":tru,` + good[1:], schemas.CodeNotJSON},
		{"too deep", key, `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `,` + good[1:], schemas.CodeTooDeep},
		{"a field twice", key, `{"item_id":1,` + good[1:], schemas.CodeDuplicateField},
		{"a field twice, once escaped", key, `{"item\u005fid":1,` + good[1:], schemas.CodeDuplicateField},
		{"another shop in the key", "shopee/10002/S", good, schemas.CodeKeyMismatch},
		{"no key", "", good, schemas.CodeKeyMismatch},
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
	}
	for i := range all {
		if strings.HasPrefix(all[i].value, "{") && all[i].code != schemas.CodeNotJSON {
			// Each is told from the others by its number.
			all[i].value = strings.Replace(all[i].value, "{", fmt.Sprintf(`{"n":%d,`, i), 1)
		}
	}
	return all
}
