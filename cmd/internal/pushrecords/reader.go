package pushrecords

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"stockpush/schemas"
)

// queryTimeout limits every query of the Reader, also on the server.
const queryTimeout = 10 * time.Second

// Reader queries one database.
type Reader struct {
	conn     driver.Conn
	database string
	// few is fewRows, except in tests.
	few uint64
}

// NewReader returns a reader of a database. The database name becomes part of every query, so it
// must be valid by the configuration's rules.
func NewReader(conn driver.Conn, database string) *Reader { return &Reader{conn, database, fewRows} }

func (r *Reader) view(name string) string { return "`" + r.database + "`." + name }

// rows runs a query whose columns are the tags of a row struct.
func rows[T any](ctx context.Context, r *Reader, query string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	all := []T{}
	err := r.conn.Select(ctx, &all, query, args...)
	return all, classify(ctx, "ask ClickHouse", err)
}

// listSettings: conditions on the key are evaluated first even with FINAL, so that no other column
// is read of parts that do not contain it.
const listSettings = " SETTINGS optimize_move_to_prewhere_if_final = 1"

func list[T any](ctx context.Context, r *Reader, l listing[T], w where, p Page) (List[T], error) {
	limit, err := p.limit()
	if err != nil {
		return List[T]{}, err
	}
	query, args, err := l.query(w, p, limit)
	if err != nil {
		return List[T]{}, err
	}
	found, more, err := someRows[T](ctx, r, query+listSettings, args...)
	if err != nil {
		return List[T]{}, err
	}
	return l.page(found, limit, more), nil
}

// someRows reads rows until their JSON reaches maxListBytes; more reports that there are others.
func someRows[T any](ctx context.Context, r *Reader, query string, args ...any) (all []T, more bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	found, err := r.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, false, classify(ctx, "ask ClickHouse", err)
	}
	defer func() { _ = found.Close() }()
	for bytes := 0; bytes <= maxListBytes; bytes += jsonBytes(&all[len(all)-1]) {
		if !found.Next() {
			return all, false, classify(ctx, "ask ClickHouse", found.Err())
		}
		all = append(all, *new(T))
		if err := found.ScanStruct(&all[len(all)-1]); err != nil {
			return nil, false, fmt.Errorf("read a row: %w", err)
		}
	}
	return all, true, nil
}

const (
	statusSelect = "SELECT channel, shop_id, store_sku, merchant_sku, last_push_qty, last_push_status, last_reason, " +
		"last_failure_code, last_failure_reason, last_triggered_at, last_finished_at, pending, available, promotion_reserved, confirmed_qty, confirmed_at, oversold FROM "
	recordSelect = "SELECT channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset, " +
		"reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, promotion_floor, failure_code, failure_reason, " +
		"superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset, " +
		"occurred_at, triggered_at, queued_at, finished_at, requested_by"
	// newestVersions selects the valid row of each record, of those in push_records.
	newestVersions = " ORDER BY version DESC LIMIT 1 BY channel, shop_id, store_sku, log_id, event_offset, event_partition"
)

var keyColumns = []sortColumn{{name: "channel", kind: text}, {name: "shop_id", kind: unsigned}, {name: "store_sku", kind: text}}

func placeByKey(s *StoreSKU) []string {
	return []string{s.Channel, unsignedText(s.ShopID), s.StoreSKU}
}

// StoreSKUs lists the latest push of each store SKU.
func (r *Reader) StoreSKUs(ctx context.Context, f Filter, p Page) (List[StoreSKU], error) {
	return r.storeSKUs(ctx, f, p, "store-skus", r.byKey)
}

// MerchantSKUs lists the same by merchant SKU.
func (r *Reader) MerchantSKUs(ctx context.Context, f Filter, p Page) (List[StoreSKU], error) {
	return r.storeSKUs(ctx, f, p, "merchant-skus", r.byMerchant)
}

func (r *Reader) storeSKUs(ctx context.Context, f Filter, p Page, name string, byKey func(Filter, spread) search) (List[StoreSKU], error) {
	f, some := f.lastStatus()
	if !some || !f.takesStates() && !f.takesPending() {
		return List[StoreSKU]{Items: []StoreSKU{}}, nil
	}
	parts, err := r.spread(ctx)
	if err != nil {
		return List[StoreSKU]{}, err
	}
	if p.Order == NewestFirst {
		byKey = r.byTime
		name += " newest"
	}
	s := byKey(f, parts)
	s.reader, s.filter, s.name = r, f, name
	return s.page(ctx, p)
}

// lastStatus replaces StillFailing by a status: an unresolved failure is its store SKU's last push.
// some is false if nothing can match.
func (f Filter) lastStatus() (_ Filter, some bool) {
	if !f.StillFailing {
		return f, true
	}
	some = f.takes(schemas.Failed)
	f.StillFailing, f.Statuses = false, []schemas.Status{schemas.Failed}
	return f, some
}

func (r *Reader) statusWhere(f Filter) where {
	var w where
	w.filter(f, statusColumns)
	return w
}

// History lists a store SKU's matching records, newest first. The view has the latest 100 per store
// SKU.
func (r *Reader) History(ctx context.Context, key schemas.Key, f Filter, p Page) (List[Record], error) {
	var w where
	w.add("channel = {channel:String}", clickhouse.Named("channel", key.Channel))
	w.add("shop_id = {shop:UInt64}", clickhouse.Named("shop", uint64(key.ShopID)))
	w.add("store_sku = {sku:String}", clickhouse.Named("sku", key.StoreSKU))
	w.filter(f, recordColumns)
	l := listing[Record]{
		"records", recordSelect + ", ifNull(last_answer_code, '') AS last_answer_code, ifNull(last_answer, '') AS last_answer, next_attempt_at FROM " + r.view("push_record_history"),
		[]sortColumn{{"log_id", unsigned, true}, {"event_offset", signed, true}, {"event_partition", signed, true}},
		func(r *Record) []string {
			return []string{unsignedText(uint64(r.LogID)), signedText(r.EventOffset), signedText(int64(r.EventPartition))}
		},
	}
	return list(ctx, r, l, w, p)
}

// Failures lists the unresolved failures by trigger, newest first. A record's trigger does not
// change, so the pages are complete.
func (r *Reader) Failures(ctx context.Context, f Filter, p Page) (List[Failure], error) {
	var w where
	w.filter(f, recordColumns)
	l := listing[Failure]{
		"failures", recordSelect + ", failure_class, hint FROM " + r.view("failed_push_records"),
		append([]sortColumn{{"triggered_at", instant, true}}, append(keyColumns[:3:3], sortColumn{"log_id", unsigned, true}, sortColumn{"event_offset", signed, true})...),
		func(r *Failure) []string {
			return []string{instantText(r.TriggeredAt), r.Channel, unsignedText(r.ShopID), r.StoreSKU, unsignedText(uint64(r.LogID)), signedText(r.EventOffset)}
		},
	}
	return list(ctx, r, l, w, p)
}

// maxKeyBytes is where a rejected event's key is truncated: upstream may send keys of megabytes.
const maxKeyBytes = 1 << 10

// Rejected lists rejected events, newest first. Of the filter only Query, Shops, StoreSKUs,
// ErrorCodes, and Since and Until for the time of receipt apply.
func (r *Reader) Rejected(ctx context.Context, f Filter, p Page) (List[Rejected], error) {
	var w where
	w.rejected(f)
	l := listing[Rejected]{
		"rejected-events",
		"SELECT source_topic, source_partition, source_offset, error_code, error_field, error_message, left(key, " + strconv.Itoa(maxKeyBytes) +
			") AS key, value, received_at, channel, shop_id, store_sku FROM " + r.view("rejected_events"),
		[]sortColumn{{"received_at", instant, true}, {"source_topic", text, false}, {"source_partition", signed, false}, {"source_offset", signed, true}},
		func(r *Rejected) []string {
			return []string{instantText(r.ReceivedAt), r.SourceTopic, signedText(int64(r.SourcePartition)), signedText(r.SourceOffset)}
		},
	}
	return list(ctx, r, l, w, p)
}

// CountsByFailureCode counts the unresolved failures by code, in descending order. It ignores the
// filter's failure codes.
func (r *Reader) CountsByFailureCode(ctx context.Context, f Filter) ([]Count, error) {
	f.FailureCodes = nil
	var w where
	w.filter(f, recordColumns)
	return rows[Count](ctx, r, "SELECT failure_code AS value, count() AS n FROM "+r.view("failed_push_records")+w.String()+
		" GROUP BY value ORDER BY n DESC, value LIMIT 100", w.args...)
}

// FailingByCode counts the failing store SKUs by the code of their newest failure, in descending
// order. A re-push takes one failure of each. The filter applies to that failure; its failure codes
// are ignored.
func (r *Reader) FailingByCode(ctx context.Context, f Filter) ([]Count, error) {
	f.FailureCodes = nil
	var sku, w where // the newest failure is only known if all failures of a store SKU are read
	sku.skus(f)
	w.filter(f, recordColumns)
	return rows[Count](ctx, r, "SELECT failure_code AS value, count() AS n FROM (SELECT channel, shop_id, store_sku, merchant_sku, status, reason, failure_code, triggered_at FROM "+
		r.view("failed_push_records")+sku.String()+" ORDER BY log_id DESC, event_offset DESC LIMIT 1 BY channel, shop_id, store_sku)"+
		w.String()+" GROUP BY value ORDER BY n DESC, value LIMIT 100", w.args...)
}
