package pushrecords

import (
	"context"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"stockpush/schemas"
)

// RePush is a batch of events that one request pushed again.
type RePush struct {
	// Batch is the prefix of its events' ids.
	Batch       string    `ch:"batch"`
	RequestedBy string    `ch:"requested_by"`
	StartedAt   time.Time `ch:"started_at"`
	StoreSKUs   uint64    `ch:"store_skus"`
	Shops       uint64    `ch:"shops"`
	// Example is one of the store SKUs; Causes are the failure codes that it pushed again.
	Example string   `ch:"example"`
	Causes  []string `ch:"causes"`
	// The results so far.
	Successfully uint64 `ch:"successfully"`
	Failed       uint64 `ch:"failed"`
	Skipped      uint64 `ch:"skipped"`
	Pending      uint64 `ch:"pending"`
}

// RePushFilter selects re-pushes.
type RePushFilter struct {
	// RequestedBy is a part of the person's name, in any case; empty selects all.
	RequestedBy string
	Filter      Filter
}

// maxRePushes limits the list.
const maxRePushes = 200

// batchBytes is the length of a batch's name, a UUID. A hyphen and a number follow it in event ids.
const batchBytes = 36

// RePushes lists the batches of push_now events that repeat a record, newest first. Of the filter,
// the shops, Since and Until apply. The facts are ordered by time and tell which store SKUs to read.
func (r *Reader) RePushes(ctx context.Context, f RePushFilter) ([]RePush, error) {
	var facts, w where
	facts.shop(f.Filter)
	facts.between("triggered_at", f.Filter.Since, f.Filter.Until)
	facts.in("reason", "reasons", []string{schemas.PushNow.Label()})
	keys := "(channel, shop_id, store_sku) IN (SELECT channel, shop_id, store_sku FROM " + r.view("push_record_facts") + facts.String() + ")"
	w.between("triggered_at", f.Filter.Since, f.Filter.Until)
	w.in("reason", "reasons", []string{schemas.PushNow.Label()})
	w.args = facts.args
	w.add("repeats_offset IS NOT NULL AND length(event_id) > " + strconv.Itoa(batchBytes+1))
	w.add(keys)
	if f.RequestedBy != "" {
		w.add("positionCaseInsensitiveUTF8(requested_by, {requested_by:String}) > 0", clickhouse.Named("requested_by", f.RequestedBy))
	}
	return rows[RePush](ctx, r, "SELECT batch, any(by) AS requested_by, min(at) AS started_at, uniqExact(channel, shop_id, store_sku) AS store_skus, uniqExact(shop_id) AS shops, "+
		"min(store_sku) AS example, arrayFilter(c -> c != '', arraySort(groupUniqArray(cause))) AS causes, "+
		"countIf(status = 'Successfully') AS successfully, countIf(status = 'Failed') AS failed, countIf(status = 'Skipped') AS skipped, countIf(status = 'Pending') AS pending FROM "+
		"(SELECT left(event_id, "+strconv.Itoa(batchBytes)+") AS batch, channel, shop_id, store_sku, retry_of, requested_by AS by, triggered_at AS at, status FROM "+r.view("push_records")+w.String()+
		newestVersions+") AS p "+
		"LEFT ANY JOIN (SELECT channel, shop_id, store_sku, event_id, failure_code AS cause FROM "+r.view("push_records")+" WHERE status = 'Failed' AND "+keys+") AS f "+
		"ON f.channel = p.channel AND f.shop_id = p.shop_id AND f.store_sku = p.store_sku AND f.event_id = p.retry_of "+
		"GROUP BY batch ORDER BY started_at DESC, batch LIMIT "+strconv.Itoa(maxRePushes), w.args...)
}
