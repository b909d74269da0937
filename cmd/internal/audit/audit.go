// Package audit compares what Shopee shows with what it should show.
//
// It owns which differences count: what each store SKU should show is in the
// state topic, and a store SKU that is on its way to another quantity is left
// out. It mends with events that only repeat, so that anything newer wins. It
// refuses to guess whose fault a difference is.
package audit

import (
	"cmp"
	"slices"

	"stockpush/channels"
	"stockpush/schemas"
)

// Drift is a store SKU that shows another quantity than it should.
type Drift struct {
	Channel  string `json:"channel"`
	ShopID   int64  `json:"shop_id"`
	StoreSKU string `json:"store_sku"`
	ItemID   int64  `json:"item_id"`
	ModelID  int64  `json:"model_id"`
	Expected int64  `json:"expected"`
	Shown    int64  `json:"shown"`
	// Kind is Above or Below.
	Kind Kind `json:"kind"`
	// Fixed says that an event was published that mends it.
	Fixed bool `json:"fixed"`

	record schemas.Record
}

// Kind tells drifts apart.
type Kind string

// The kinds.
const (
	// Above says that more is shown than there is, so it may be oversold.
	Above Kind = "above"
	// Below says that less is shown; it may be an order that is not synced yet.
	Below Kind = "below"
)

// expectation is what a store SKU should show: the quantity of its newest event,
// which the channel confirmed. Others are on their way, or were refused.
func expectation(s *schemas.State) (qty int64, ok bool) {
	f := &s.Finished
	settled := f.Status == schemas.Successfully && f.Position == s.Newest.Position && s.Readback == nil
	return f.PushQty(), settled
}

// byItem are a shop's settled store SKUs, by item.
func byItem(states map[schemas.Key]*schemas.State, shop int64) map[int64][]*schemas.State {
	items := map[int64][]*schemas.State{}
	for _, s := range states {
		if _, ok := expectation(s); ok && s.Key.ShopID == shop {
			items[s.Finished.ItemID] = append(items[s.Finished.ItemID], s)
		}
	}
	return items
}

// compare lists the store SKUs of an item that show another quantity. One whose
// model the item does not show is left to the next push, which will say why.
func compare(states []*schemas.State, shown []channels.ModelStock) (drifts []Drift) {
	for _, s := range states {
		want, _ := expectation(s)
		f := &s.Finished
		at := slices.IndexFunc(shown, func(m channels.ModelStock) bool {
			return m.ModelID == f.ModelID && (f.LocationID == "" || m.LocationID == f.LocationID)
		})
		if at < 0 || shown[at].Qty == want {
			continue
		}
		kind := Below
		if shown[at].Qty > want {
			kind = Above
		}
		drifts = append(drifts, Drift{
			Channel: s.Key.Channel, ShopID: s.Key.ShopID, StoreSKU: s.Key.StoreSKU, ItemID: f.ItemID, ModelID: f.ModelID,
			Expected: want, Shown: shown[at].Qty, Kind: kind, record: *f,
		})
	}
	return drifts
}

// ordered sorts drifts for reading: the worst first within each shop.
func ordered(drifts []Drift) []Drift {
	slices.SortFunc(drifts, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.ShopID, b.ShopID), cmp.Compare(b.Shown-b.Expected, a.Shown-a.Expected), cmp.Compare(a.StoreSKU, b.StoreSKU))
	})
	return drifts
}
