package history

import (
	"strings"
	"time"
)

// reasons are all 17 reasons.
var reasons = []string{
	"sync_order", "stock_in_manual", "stock_in_return_scan", "stock_in_return_manual", "stock_in_transfer", "stock_in_purchase",
	"stock_out_manual", "stock_out_sale", "stock_out_transfer", "void_order", "revert_voided_order", "change_mapping", "change_warehouse",
	"move_to_pack", "refresh_inventory", "push_now", "stock_count",
}

// spoilers turn a good event into bad input with a known error code.
var spoilers = []struct {
	code  string
	spoil func(key, value string) (string, string)
}{
	{"not_json", func(k, v string) (string, string) { return k, v[:len(v)-1] }},
	{"not_json", func(k, v string) (string, string) { return k, "" }},
	{"not_json", func(k, v string) (string, string) { return k, v + v }},
	{"duplicate_field", func(k, v string) (string, string) { return k, strings.Replace(v, "{", `{"item_id":1,`, 1) }},
	{"wrong_type", func(k, v string) (string, string) {
		return k, strings.Replace(v, `"available":5`, `"available":"5"`, 1)
	}},
	{"key_mismatch", func(k, v string) (string, string) { return k + "x", v }},
	{"unknown_reason", func(k, v string) (string, string) { return k, strings.Replace(v, `"reason":"`, `"reason":"no_`, 1) }},
}

// bad adds an invalid event.
func (m *maker) bad(sku int, at time.Duration) {
	b := m.body(sku, at)
	b.Available = 5
	key, value := m.SKUs[sku].Key(), encode(b)
	n := m.random.IntN(len(spoilers) + 1)
	if n == len(spoilers) {
		m.add(Step{At: at, Key: key, Value: value, Repeats: -1, Code: "wrong_partition", WrongPartition: true})
		return
	}
	key, value = spoilers[n].spoil(key, value)
	m.add(Step{At: at, Key: key, Value: value, Repeats: -1, Code: spoilers[n].code})
}
