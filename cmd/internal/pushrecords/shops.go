package pushrecords

import (
	"context"
	"slices"
	"time"

	"stockpush/schemas"
)

// Shop is a row of shop_push_status: what a shop's pushes wait for. Its field tags are the view's
// column names.
type Shop struct {
	Channel  string `ch:"channel" json:"channel"`
	ShopID   uint64 `ch:"shop_id" json:"shop_id"`
	ShopName string `ch:"shop_name" json:"shop_name"`
	// State is the name of a schemas.ShopState.
	State string     `ch:"state" json:"state"`
	Since *time.Time `ch:"since" json:"since"`
	Until *time.Time `ch:"until" json:"until"`
	// Code is empty if no answer caused the state.
	Code                string     `ch:"code" json:"code"`
	Message             string     `ch:"message" json:"message"`
	Waiting             uint64     `ch:"waiting" json:"waiting"`
	OldestWaitingAt     *time.Time `ch:"oldest_waiting_at" json:"oldest_waiting_at"`
	Failing             uint64     `ch:"failing" json:"failing"`
	AuthorizationEndsAt *time.Time `ch:"authorization_ends_at" json:"authorization_ends_at"`
}

// Shops returns all shops: those that are not ok first, then by what waits and fails.
func (r *Reader) Shops(ctx context.Context, f Filter) ([]Shop, error) {
	var w where
	w.shop(f)
	return rows[Shop](ctx, r, "SELECT channel, shop_id, shop_name, state, since, until, code, message, waiting, oldest_waiting_at, failing, authorization_ends_at FROM "+
		r.view("shop_push_status")+w.String()+" ORDER BY state = 'ok', waiting DESC, failing DESC, channel, shop_id", w.args...)
}

// addShopNames adds to store SKUs the names of their shops.
func (r *Reader) addShopNames(ctx context.Context, found []StoreSKU) error {
	if len(found) == 0 {
		return nil
	}
	var f Filter
	for i := range found {
		f.Shops = append(f.Shops, int64(found[i].ShopID))
	}
	slices.Sort(f.Shops)
	f.Shops = slices.Compact(f.Shops)
	var w where
	w.shop(f)
	w.add("fact = 'name'")
	named, err := rows[Shop](ctx, r, "SELECT channel, shop_id, text AS shop_name FROM "+r.view("shop_facts")+" FINAL"+w.String(), w.args...)
	names := make(map[schemas.Shop]string, len(named))
	for i := range named {
		names[schemas.Shop{Channel: named[i].Channel, ID: int64(named[i].ShopID)}] = named[i].ShopName
	}
	for i := range found {
		found[i].ShopName = names[found[i].Key().Shop()]
	}
	return err
}

// addProgress adds to store SKUs why their newest Pending record is Pending.
func (r *Reader) addProgress(ctx context.Context, found []StoreSKU) error {
	waiting := map[schemas.Key]*StoreSKU{}
	var keys []schemas.Key
	for i := range found {
		if found[i].Pending > 0 {
			key := found[i].Key()
			found[i].Attempts, waiting[key], keys = new(int64), &found[i], append(keys, key)
		}
	}
	for some := range slices.Chunk(keys, maxNamed) {
		var named where
		named.keys(some)
		tried, err := rows[StoreSKU](ctx, r, "SELECT channel, shop_id, store_sku, toInt64(tries) AS attempts, ifNull(last_answer_code, '') AS last_answer_code, "+
			"ifNull(last_answer, '') AS last_answer, next_attempt_at FROM "+r.view("push_progress")+named.String()+
			" AND (channel, shop_id, store_sku, rank) IN (SELECT channel, shop_id, store_sku, max(rank) FROM "+r.view("pending_push_records")+named.String()+
			" GROUP BY channel, shop_id, store_sku)", named.args...)
		if err != nil {
			return err
		}
		for i := range tried {
			s := waiting[tried[i].Key()]
			s.Attempts, s.Waiting = tried[i].Attempts, tried[i].Waiting
		}
	}
	return nil
}

// NewestRecords returns the newest record of each store SKU whose quantities "Push now" repeats. A
// repeat that lost is left out: its quantities were old when it was sent.
func (r *Reader) NewestRecords(ctx context.Context, keys []schemas.Key) (all []Record, err error) {
	for some := range slices.Chunk(keys, maxNamed) {
		var w where
		w.keys(some)
		w.add("NOT (status = 'Skipped' AND repeats_offset IS NOT NULL)")
		found, err := rows[Record](ctx, r, recordSelect+" FROM "+r.view("push_record_history")+w.String()+
			" ORDER BY log_id DESC, event_offset DESC LIMIT 1 BY channel, shop_id, store_sku", w.args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}
