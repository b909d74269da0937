package pages

import (
	"context"
	"net/http"
	"slices"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// shopsData is the data of the page of shops.
type shopsData struct{ Shops []pushrecords.Shop }

func (c *console) shops(r *http.Request) (view, error) {
	found, err := c.Reader.Shops(r.Context(), pushrecords.Filter{})
	return view{Template: "shops", Tab: "shops", Title: c.viewer(r).T("title.shops"), Data: &shopsData{found}, Live: true}, err
}

// waiting says why a record is Pending.
type waiting struct {
	Calls        int64
	Code, Answer string
	Next         *time.Time
	// Shop is nil if its state does not keep the record waiting.
	Shop *pushrecords.Shop
}

func waitingOf(calls int64, w pushrecords.Waiting, shop *pushrecords.Shop) *waiting {
	return &waiting{calls, w.LastAnswerCode, w.LastAnswer, w.NextAttemptAt, shop}
}

// stoppedShops returns the shops that are not ok, by number.
func (c *console) stoppedShops(ctx context.Context) (map[uint64]*pushrecords.Shop, error) {
	found, err := c.Reader.Shops(ctx, pushrecords.Filter{})
	stopped := map[uint64]*pushrecords.Shop{}
	for i := range found {
		if found[i].State != schemas.ShopOK.String() {
			stopped[found[i].ShopID] = &found[i]
		}
	}
	return stopped, err
}

// explain adds to rows and entries why they are Pending.
func (c *console) explain(ctx context.Context, rows []row) error {
	if !slices.ContainsFunc(rows, func(r row) bool { return r.Pending > 0 }) {
		return nil
	}
	stopped, err := c.stoppedShops(ctx)
	for i := range rows {
		if r := &rows[i]; r.Pending > 0 && r.Attempts != nil {
			r.Why = waitingOf(*r.Attempts, r.Waiting, stopped[r.ShopID])
		}
	}
	return err
}

// addStanding adds to a history what is known of the store SKU now: the confirmed quantity, which
// may be of a record that is no longer shown, and why its newest record is Pending.
func (c *console) addStanding(ctx context.Context, data *historyData) error {
	f := pushrecords.Filter{Shops: []int64{data.Key.ShopID}, StoreSKUs: []string{data.Key.StoreSKU}}
	found, err := c.Reader.StoreSKUs(ctx, f, pushrecords.Page{Limit: 1})
	if err != nil {
		return err
	}
	for i := range found.Items {
		data.Shown, data.ShownAt = found.Items[i].ConfirmedQty, found.Items[i].ConfirmedAt
	}
	drifts, err := c.Reader.Findings(ctx, []schemas.Key{data.Key})
	if err != nil {
		return err
	}
	data.Drift = driftOf(drifts, data.Key, data.ShownAt)
	pending := schemas.Pending.String()
	if !slices.ContainsFunc(data.Entries, func(e entry) bool { return e.Status == pending }) {
		return nil
	}
	stopped, err := c.stoppedShops(ctx)
	for i := range data.Entries {
		if e := &data.Entries[i]; e.Status == pending {
			e.Why = waitingOf(int64(e.Attempts), e.Waiting, stopped[e.ShopID])
		}
	}
	return err
}

// stateTone returns the CSS class and icon of a shop's state.
func stateTone(state string) string {
	switch state {
	case schemas.ShopOK.String():
		return "ok"
	case schemas.ShopHeld.String():
		return "failed"
	default:
		return "pending"
	}
}

// state returns a shop's state in words.
func (v *viewer) state(state string) string { return v.beside(v.T("state."+state), state) }

// stateTodo says what to do about a shop's state.
func (v *viewer) stateTodo(state string) string { return v.T("statetodo." + state) }
