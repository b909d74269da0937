// Package audit compares the quantities that Shopee shows with those it should show.
//
// The state topic tells what each store SKU should show. A store SKU with another push under way is
// left out. A fix publishes an event that only repeats, so anything newer wins. The package does
// not guess the cause of a difference.
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
	// Fixed reports whether a repairing event was published.
	Fixed bool `json:"fixed"`

	record schemas.Record
}

func (d *Drift) key() schemas.Key {
	return schemas.Key{Channel: d.Channel, ShopID: d.ShopID, StoreSKU: d.StoreSKU}
}

// Kind is the direction of a drift.
type Kind string

// The values of Kind.
const (
	// Above: Shopee shows more than there is, so the store SKU may be oversold.
	Above Kind = "above"
	// Below: Shopee shows less, for example because of an order that is not synced yet.
	Below Kind = "below"
)

// place is an item, model and location at which a quantity is shown.
type place struct {
	item, model int64
	location    string
}

func placeOf(e *schemas.Event) place { return place{e.ItemID, e.ModelID, e.LocationID} }

// moves are the store SKUs and places of pending commands.
type moves struct {
	keys   map[schemas.Key]bool
	places map[place]bool
}

// expected returns the store SKUs of a shop whose place should show their newest event's quantity:
// the channel confirmed it and no other push is under way. If several store SKUs name one place,
// the last one pushed counts; if one of them has a push under way, none counts.
func expected(states map[schemas.Key]*schemas.State, moving moves) map[schemas.Key]*schemas.State {
	sharing := map[place][]*schemas.State{}
	for _, s := range states {
		at := placeOf(&s.Newest)
		sharing[at] = append(sharing[at], s)
	}
	standing := make(map[schemas.Key]*schemas.State, len(sharing))
	for at, all := range sharing {
		if s := standsOf(all, moving.keys); s != nil && !moving.places[at] {
			standing[s.Key] = s
		}
	}
	return standing
}

// standsOf returns which of the states of one place it should show, or nil if that is uncertain. A
// read-back says nothing of what was pushed in shadow mode, and waits until that mode ends.
func standsOf(all []*schemas.State, waits map[schemas.Key]bool) (stands *schemas.State) {
	for _, s := range all {
		f := &s.Finished
		if waits[s.Key] || s.Readback != nil && !f.Shadow() || f.Position != s.Newest.Position {
			return nil
		}
		if f.Status == schemas.Successfully && (stands == nil || later(s, stands)) {
			stands = s
		}
	}
	return stands
}

func later(a, b *schemas.State) bool {
	return cmp.Or(a.Finished.FinishedAt.Compare(b.Finished.FinishedAt), cmp.Compare(a.Key.StoreSKU, b.Key.StoreSKU)) > 0
}

// byItem groups store SKUs by item.
func byItem(states map[schemas.Key]*schemas.State) map[int64][]*schemas.State {
	items := map[int64][]*schemas.State{}
	for _, s := range states {
		items[s.Finished.ItemID] = append(items[s.Finished.ItemID], s)
	}
	return items
}

// compare returns the drifts of an item, and counts the store SKUs whose model the item does not
// show. The next push of those will report why.
func compare(states []*schemas.State, shown []channels.ModelStock) (drifts []Drift, missing int) {
	for _, s := range states {
		f := &s.Finished
		want := f.PushQty()
		at := slices.IndexFunc(shown, func(m channels.ModelStock) bool {
			return m.ModelID == f.ModelID && (f.LocationID == "" || m.LocationID == f.LocationID)
		})
		if at < 0 {
			missing++
		}
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
	return drifts, missing
}

// ordered sorts drifts by shop, the largest first.
func ordered(drifts []Drift) []Drift {
	slices.SortFunc(drifts, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.ShopID, b.ShopID), cmp.Compare(b.Shown-b.Expected, a.Shown-a.Expected), cmp.Compare(a.StoreSKU, b.StoreSKU))
	})
	return drifts
}
