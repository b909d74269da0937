package pushrecords

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"stockpush/schemas"
)

// Candidate is a failure that a retry may take.
type Candidate struct {
	Record
	// Newest reports that it is the newest unresolved failure of its store SKU.
	Newest bool `ch:"newest"`
}

// scanTimeout limits the query for all matches.
const scanTimeout = time.Minute

// Candidates calls take with every matching row of failed_push_records, oldest trigger first, so
// that repeated failures come last. Without event ids the filter alone selects. An error of take
// ends the scan and is returned.
func (r *Reader) Candidates(ctx context.Context, f Filter, eventIDs []string, take func(*Candidate) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, scanTimeout, errTimeout)
	defer cancel()
	var sku, w where // the newest failure is only known if all failures of a store SKU are read
	sku.skus(f)
	w.filter(f, recordColumns)
	w.in("event_id", "event_ids", eventIDs)
	found, err := r.conn.Query(ctx, recordSelect+", newest FROM ("+recordSelect+
		", (log_id, event_offset) = max((log_id, event_offset)) OVER (PARTITION BY channel, shop_id, store_sku) AS newest FROM "+
		r.view("failed_push_records")+sku.String()+")"+w.String()+" ORDER BY triggered_at, channel, shop_id, store_sku, event_offset", w.args...)
	if err != nil {
		return classify(ctx, "query failures", err)
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var c Candidate
		if err := found.ScanStruct(&c); err != nil {
			return fmt.Errorf("read a failure: %w", err)
		}
		if err := take(&c); err != nil {
			return err
		}
	}
	return classify(ctx, "query failures", found.Err())
}

// maxNamed is how many events one query of Outcomes names.
const maxNamed = 1000

// Events names the events whose records are queried.
type Events struct {
	IDs []string
	// Keys are their store SKUs in the order of IDs; nil if unknown.
	Keys []schemas.Key
	// Since is a lower bound of their trigger times; zero if unknown.
	Since time.Time
}

// Outcomes returns the existing records of events. Without Keys and with an early Since it is slow.
//
// It selects the highest version itself instead of reading push_record_history: with FINAL,
// ClickHouse cannot skip the parts of other times, and only few parts have the last minutes.
func (r *Reader) Outcomes(ctx context.Context, e Events) ([]Record, error) {
	var all []Record
	for first := 0; first < len(e.IDs); first += maxNamed {
		var w where
		w.in("event_id", "event_ids", e.IDs[first:min(first+maxNamed, len(e.IDs))])
		if e.Keys != nil {
			w.keys(e.Keys[first:min(first+maxNamed, len(e.Keys))])
		}
		w.between("triggered_at", e.Since, time.Time{})
		w.add("triggered_at > now64(3, 'UTC') - INTERVAL 30 DAY")
		found, err := rows[Record](ctx, r, recordSelect+" FROM "+r.view("push_records")+w.String()+newestVersions, w.args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// OfBatch returns the records of a batch's push_now events that were triggered within the time,
// ordered by store SKU. The facts are ordered by time and tell which store SKUs to read.
func (r *Reader) OfBatch(ctx context.Context, batch string, since, until time.Time) ([]Record, error) {
	var w where
	w.between("triggered_at", since, until)
	w.in("reason", "reasons", []string{schemas.PushNow.Label()})
	facts := w.String()
	w.add("(channel, shop_id, store_sku) IN (SELECT channel, shop_id, store_sku FROM " + r.view("push_record_facts") + facts + ")")
	w.add("startsWith(event_id, {batch:String})", clickhouse.Named("batch", batch+"-"))
	return rows[Record](ctx, r, "SELECT * FROM ("+recordSelect+" FROM "+r.view("push_records")+w.String()+newestVersions+
		") ORDER BY channel, shop_id, store_sku", w.args...)
}

// Listed returns how many of the named records are in failed_push_records. keys are their store
// SKUs in the same order.
func (r *Reader) Listed(ctx context.Context, eventIDs []string, keys []schemas.Key) (n uint64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	for first := 0; first < len(eventIDs) && n == 0; first += maxNamed {
		var w where
		w.in("event_id", "event_ids", eventIDs[first:min(first+maxNamed, len(eventIDs))])
		w.keys(keys[first:min(first+maxNamed, len(keys))])
		if err := r.conn.QueryRow(ctx, "SELECT count() FROM "+r.view("failed_push_records")+w.String(), w.args...).Scan(&n); err != nil {
			return 0, classify(ctx, "query failures", err)
		}
	}
	return n, nil
}

func (w *where) keys(keys []schemas.Key) {
	shops := make([]uint64, len(keys))
	for i, key := range keys {
		shops[i] = uint64(key.ShopID)
	}
	w.add("(channel, shop_id, store_sku) IN arrayZip({key_channels:Array(String)}, {key_shops:Array(UInt64)}, {key_skus:Array(String)})",
		clickhouse.Named("key_channels", words(keys, func(k schemas.Key) string { return k.Channel })),
		clickhouse.Named("key_shops", shops),
		clickhouse.Named("key_skus", words(keys, func(k schemas.Key) string { return k.StoreSKU })))
}
