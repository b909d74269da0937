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

func (d *Drift) key() schemas.Key {
	return schemas.Key{Channel: d.Channel, ShopID: d.ShopID, StoreSKU: d.StoreSKU}
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

// place is what a store SKU's quantity is shown at.
type place struct {
	item, model int64
	location    string
}

func placeOf(e *schemas.Event) place { return place{e.ItemID, e.ModelID, e.LocationID} }

// moves is what commands wait for: whose they are, and where they lead.
type moves struct {
	keys   map[schemas.Key]bool
	places map[place]bool
}

// expected are the store SKUs of a shop whose place should show their newest
// event's quantity: the channel confirmed it, and nothing is on its way there.
// Of several that name one place the one that was pushed last counts; if any of
// them is on its way, none does.
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

// standsOf is the one of the states of a place that it should show; nil if that is not certain.
func standsOf(all []*schemas.State, waits map[schemas.Key]bool) (stands *schemas.State) {
	for _, s := range all {
		f := &s.Finished
		if waits[s.Key] || s.Readback != nil || f.Position != s.Newest.Position {
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

// byItem sorts store SKUs by their item.
func byItem(states map[schemas.Key]*schemas.State) map[int64][]*schemas.State {
	items := map[int64][]*schemas.State{}
	for _, s := range states {
		items[s.Finished.ItemID] = append(items[s.Finished.ItemID], s)
	}
	return items
}

// compare lists the store SKUs of an item that show another quantity, and counts
// those whose model the item does not show: what became of that, their next push
// will say.
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

// ordered sorts drifts for reading: the worst first within each shop.
func ordered(drifts []Drift) []Drift {
	slices.SortFunc(drifts, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.ShopID, b.ShopID), cmp.Compare(b.Shown-b.Expected, a.Shown-a.Expected), cmp.Compare(a.StoreSKU, b.StoreSKU))
	})
	return drifts
}
