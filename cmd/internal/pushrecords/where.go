package pushrecords

import (
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/text/unicode/norm"

	"stockpush/schemas"
)

// where collects conditions, which are fixed texts, and their bound values.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// columns are the view's column names for a filter's fields; empty if the view has no such column.
type columns struct {
	storeSKU, merchantSKU, status, reason, failureCode, time, item string
}

var (
	statusColumns = columns{"store_sku", "merchant_sku", "last_push_status", "last_reason", "last_failure_code", "last_triggered_at", ""}
	recordColumns = columns{"store_sku", "merchant_sku", "status", "reason", "failure_code", "triggered_at", "item_id"}
	statColumns   = columns{status: "status", reason: "reason", failureCode: "failure_code"}
)

// shop adds the condition that every view of records has.
func (w *where) shop(f Filter) {
	if len(f.Shops) > 0 {
		ids := make([]uint64, len(f.Shops))
		for i, id := range f.Shops {
			ids[i] = uint64(id)
		}
		w.add("shop_id IN {shop_ids:Array(UInt64)}", clickhouse.Named("shop_ids", ids))
	}
}

// skus adds the conditions on shop and store SKU.
func (w *where) skus(f Filter) {
	w.shop(f)
	w.in("store_sku", "store_skus", f.StoreSKUs)
}

// filter adds the filter's conditions for the columns that exist.
func (w *where) filter(f Filter, c columns) {
	w.shop(f)
	w.in(c.storeSKU, "store_skus", f.StoreSKUs)
	w.in(c.merchantSKU, "merchant_skus", f.MerchantSKUs)
	w.part(f.Query, c.storeSKU, c.merchantSKU)
	w.in(c.status, "statuses", words(f.Statuses, schemas.Status.String))
	w.in(c.reason, "reasons", words(f.Reasons, schemas.Reason.Label))
	w.in(c.failureCode, "failure_codes", words(f.FailureCodes, codeText))
	w.between(c.time, f.Since, f.Until)
	w.items(c.item, f.Items)
}

// part adds the condition that one of the columns that exist contains a text, in any case.
func (w *where) part(text string, columns ...string) {
	if condition := contains(columns...); text != "" && condition != "" {
		w.add("("+condition+")", forms(text))
	}
}

// contains returns the condition that one of the columns that exist contains the text of forms.
func contains(columns ...string) string {
	var ways []string
	for _, column := range columns {
		if column != "" {
			ways = append(ways, "multiSearchAnyCaseInsensitiveUTF8("+column+", {q:Array(String)})")
		}
	}
	return strings.Join(ways, " OR ")
}

// forms binds a text in both forms of Unicode: an accent may be a character of its own.
func forms(text string) any {
	both := []string{norm.NFC.String(text), norm.NFD.String(text)}
	return clickhouse.Named("q", slices.Compact(both))
}

func (w *where) items(column string, items []Item) {
	if column == "" || len(items) == 0 {
		return
	}
	shops, ids := make([]uint64, len(items)), make([]uint64, len(items))
	for i, item := range items {
		shops[i], ids[i] = uint64(item.ShopID), uint64(item.ItemID)
	}
	w.add("(shop_id, "+column+") IN arrayZip({item_shops:Array(UInt64)}, {item_ids:Array(UInt64)})",
		clickhouse.Named("item_shops", shops), clickhouse.Named("item_ids", ids))
}

func (w *where) in(column, parameter string, values []string) {
	if column != "" && len(values) > 0 {
		w.add(column+" IN {"+parameter+":Array(String)}", clickhouse.Named(parameter, values))
	}
}

func (w *where) between(column string, since, until time.Time) {
	if column != "" && !since.IsZero() {
		w.add(column+" >= {since:DateTime64(9, 'UTC')}", clickhouse.DateNamed("since", since, clickhouse.NanoSeconds))
	}
	if column != "" && !until.IsZero() {
		w.add(column+" < {until:DateTime64(9, 'UTC')}", clickhouse.DateNamed("until", until, clickhouse.NanoSeconds))
	}
}
