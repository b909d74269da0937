package pushrecords

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"stockpush/schemas"
)

// Candidate is a failure that a retry may take up.
type Candidate struct {
	Record
	// Newest says that no newer failure of its store SKU is unmended.
	Newest bool `ch:"newest"`
}

// scanTimeout bounds the reading of all that match, however many they are.
const scanTimeout = time.Minute

// Candidates gives take every row of failed_push_records that matches, the
// oldest trigger first, so that what failed again waits its turn. Without event
// ids the filter alone chooses. Take's error ends it and is returned.
func (r *Reader) Candidates(ctx context.Context, f Filter, eventIDs []string, take func(*Candidate) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, scanTimeout, errTimeout)
	defer cancel()
	var sku, w where // of a store SKU all failures must be looked at to know the newest
	sku.shop(f)
	sku.in("store_sku", "store_skus", f.StoreSKUs)
	w.filter(f, recordColumns)
	w.in("event_id", "event_ids", eventIDs)
	found, err := r.conn.Query(ctx, recordSelect+", newest FROM ("+recordSelect+
		", (log_id, event_offset) = max((log_id, event_offset)) OVER (PARTITION BY channel, shop_id, store_sku) AS newest FROM "+
		r.view("failed_push_records")+sku.String()+")"+w.String()+" ORDER BY triggered_at, channel, shop_id, store_sku, event_offset", w.args...)
	if err != nil {
		return classify(ctx, "ask for failures", err)
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
	return classify(ctx, "ask for failures", found.Err())
}

// maxNamed is how many events one query of Outcomes names.
const maxNamed = 1000

// Events names events whose records are looked for.
type Events struct {
	IDs []string
	// Keys are their store SKUs, in the order of IDs; nil where they are not known.
	Keys []schemas.Key
	// Since is a time before which none of them was triggered; zero where none is known.
	Since time.Time
}

// Outcomes are the records of events, those that there are. Without keys and
// with a Since long ago it takes long.
//
// It picks the highest version itself instead of asking push_record_history: of
// a table read with FINAL ClickHouse cannot leave out the parts of other times,
// and those of the last minutes are few.
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
		found, err := rows[Record](ctx, r, recordSelect+" FROM "+r.view("push_records")+w.String()+
			" ORDER BY version DESC LIMIT 1 BY channel, shop_id, store_sku, log_id, event_offset, event_partition", w.args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// OfBatch are the records of push_now events whose ids begin with the batch's
// name, triggered within the time, by store SKU. The facts, which lie by time, tell which store SKUs to look at.
func (r *Reader) OfBatch(ctx context.Context, batch string, since, until time.Time) ([]Record, error) {
	var w where
	w.between("triggered_at", since, until)
	w.in("reason", "reasons", []string{schemas.PushNow.Label()})
	facts := w.String()
	w.add("(channel, shop_id, store_sku) IN (SELECT channel, shop_id, store_sku FROM " + r.view("push_record_facts") + facts + ")")
	w.add("startsWith(event_id, {batch:String})", clickhouse.Named("batch", batch+"-"))
	return rows[Record](ctx, r, "SELECT * FROM ("+recordSelect+" FROM "+r.view("push_records")+w.String()+
		" ORDER BY version DESC LIMIT 1 BY channel, shop_id, store_sku, log_id, event_offset, event_partition) ORDER BY channel, shop_id, store_sku", w.args...)
}

// Listed is how many of the named records failed_push_records has. Keys are
// their store SKUs, in their order.
func (r *Reader) Listed(ctx context.Context, eventIDs []string, keys []schemas.Key) (n uint64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	for first := 0; first < len(eventIDs) && n == 0; first += maxNamed {
		var w where
		w.in("event_id", "event_ids", eventIDs[first:min(first+maxNamed, len(eventIDs))])
		w.keys(keys[first:min(first+maxNamed, len(keys))])
		if err := r.conn.QueryRow(ctx, "SELECT count() FROM "+r.view("failed_push_records")+w.String(), w.args...).Scan(&n); err != nil {
			return 0, classify(ctx, "ask for failures", err)
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
