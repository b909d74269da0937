package pages

import (
	"net/http"
	"strconv"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// historyRecords is how many records a store SKU has at most.
const historyRecords = 100

// entry is a place in the timeline: one record, or Skipped records in a row that
// one event replaced.
type entry struct {
	pushrecords.Record
	// Others are the Skipped records that follow, in a run with the first one.
	Others []pushrecords.Record
	// By is the anchor of the record that replaced this one, empty where it is not shown.
	By string
}

// Anchor names the record in the page.
func (e entry) Anchor() string { return anchor(e.EventOffset) }

// N is how many records the entry stands for.
func (e entry) N() int { return len(e.Others) + 1 }

func anchor(offset int64) string { return "at-" + strconv.FormatInt(offset, 10) }

// historyData is the page of one store SKU.
type historyData struct {
	Key     schemas.Key
	Entries []entry
	// Last is the newest record that is not Skipped, Newest the newest of all.
	Last, Newest *pushrecords.Record
	// Shown is the newest quantity that Shopee confirmed; nil where none is known.
	Shown *int64
	// Records counts them, Pick names the failure that a re-push takes.
	Records int
	Pick    string
	// Omitted are the oldest entries for which the page has no room.
	Omitted int
}

func (c *console) history(r *http.Request) (view, error) {
	query := r.URL.Query()
	shop, err := strconv.ParseInt(query.Get("shop_id"), 10, 64)
	if err != nil || shop <= 0 {
		return view{}, &pushrecords.ParameterError{Name: "shop_id", Problem: "is not a shop id, a whole number above 0"}
	}
	key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: query.Get("store_sku")}
	if key.StoreSKU == "" {
		return view{}, &pushrecords.ParameterError{Name: "store_sku", Problem: "is empty"}
	}
	found, err := c.Reader.History(r.Context(), key, pushrecords.Filter{}, pushrecords.Page{Limit: historyRecords})
	if err != nil {
		return view{}, err
	}
	return view{Template: "history", Tab: "store", Title: cutText(80, key.StoreSKU), Data: timeline(key, found.Items), Live: true}, nil
}

func timeline(key schemas.Key, records []pushrecords.Record) *historyData {
	data := &historyData{Key: key, Records: len(records)}
	shown := map[string]string{}
	for i := range records {
		r := &records[i]
		shown[r.EventID] = anchor(r.EventOffset)
		if data.Last == nil && r.Status != schemas.Skipped.String() {
			data.Last, data.Pick = r, pickOf(r)
		}
		if data.Shown == nil && r.AfterQty != nil {
			data.Shown = r.AfterQty
		}
	}
	if len(records) > 0 {
		data.Newest = &records[0]
	}
	for _, r := range records {
		if n := len(data.Entries); n > 0 && sameRun(&data.Entries[n-1].Record, &r) {
			data.Entries[n-1].Others = append(data.Entries[n-1].Others, r)
			continue
		}
		data.Entries = append(data.Entries, entry{Record: r, By: shown[r.SupersededBy]})
	}
	fits := fitting(data.Entries, (*entry).bytes)
	data.Entries, data.Omitted = data.Entries[:fits], len(data.Entries)-fits
	return data
}

// bytes is about what the entry comes to in HTML.
func (e *entry) bytes() int {
	sum := 1000 + escaped(cutText(reasonBytes, e.FailureReason)) + escaped(e.RequestID)
	for _, r := range append([]pushrecords.Record{e.Record}, e.Others...) {
		sum += 250 + 2*escaped(r.EventID) + escaped(r.SupersededBy) + escaped(r.RetryOf)
	}
	return sum
}

// sameRun says whether two records that follow each other were both Skipped
// before they were queued: on such runs the eye need not rest.
func sameRun(a, b *pushrecords.Record) bool {
	skipped := schemas.Skipped.String()
	return a.Status == skipped && b.Status == skipped
}
