package pushrecords

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// maxNearest is how many store SKUs Nearest offers.
const maxNearest = 6

// leastNear is the least similarity of an offered store SKU, of at most 1.5.
const leastNear = 0.15

// Nearest returns the store SKUs whose own or merchant SKU is most like a text that no SKU contains.
// The similarity is the share of the text's sequences of three characters, and half a point if all
// its characters occur in order: Chinese names are short.
func (r *Reader) Nearest(ctx context.Context, f Filter) ([]StoreSKU, error) {
	var w where
	w.shop(f)
	w.add("newest_at > now64(3, 'UTC') - INTERVAL 30 DAY")
	like := func(column string) string {
		return "ngramSearchCaseInsensitiveUTF8(" + column + ", {q:String}) + if(hasSubsequenceCaseInsensitiveUTF8(" + column + ", {q:String}), 0.5, 0)"
	}
	return rows[StoreSKU](ctx, r, "SELECT channel, shop_id, store_sku, merchant_sku FROM (SELECT channel, shop_id, store_sku, newest.merchant_sku AS merchant_sku, "+
		"greatest("+like("store_sku")+", "+like("newest.merchant_sku")+") AS near FROM "+r.view("store_sku_states")+w.String()+
		") WHERE near > "+strconv.FormatFloat(leastNear, 'f', -1, 64)+
		" ORDER BY near DESC, channel, shop_id, store_sku LIMIT 1 BY channel, shop_id, store_sku LIMIT "+strconv.Itoa(maxNearest),
		append(w.args, clickhouse.Named("q", f.Query))...)
}

// CountRejected counts the rejected events that Rejected lists.
func (r *Reader) CountRejected(ctx context.Context, f Filter) (n uint64, err error) {
	var w where
	w.rejected(f)
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	err = r.conn.QueryRow(ctx, "SELECT count() FROM "+r.view("rejected_events")+w.String(), w.args...).Scan(&n)
	return n, classify(ctx, "count rejected events", err)
}
