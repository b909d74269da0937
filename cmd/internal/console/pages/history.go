package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// historyRecords limits the records of a store SKU.
const historyRecords = 100

// entry is one place in the timeline: a record, or consecutive Skipped records that one event
// replaced.
type entry struct {
	pushrecords.Record
	// Others are the Skipped records after the first of a run.
	Others []pushrecords.Record
	// By is the anchor of the record that replaced this one; empty if that is not shown.
	By string
	// Why says why a Pending record waits; nil for others.
	Why *waiting
}

// Keys returns the store SKU in the form of "Push now".
func (d *historyData) Keys() []string { return []string{d.Key.String()} }

// Anchor returns the record's anchor in the page.
func (e entry) Anchor() string { return anchor(e.EventOffset) }

// N returns how many records the entry contains.
func (e entry) N() int { return len(e.Others) + 1 }

func anchor(offset int64) string { return "at-" + strconv.FormatInt(offset, 10) }

// historyData is the data of a store SKU's page.
type historyData struct {
	Key     schemas.Key
	Entries []entry
	// Last is the newest record that is not Skipped; Newest is the newest of all.
	Last, Newest *pushrecords.Record
	// Shown is the last quantity that Shopee confirmed; nil if unknown.
	Shown *int64
	// ShownAt is when it confirmed that.
	ShownAt *time.Time
	// Drift is what the last audit found; nil if nothing, or if a push was confirmed since.
	Drift *pushrecords.Finding
	// Records is the number of records. Pick names the failure that a re-push would repeat.
	Records int
	Pick    string
	// Rejected is how many triggers of the store SKU were rejected, RejectedLink lists them.
	Rejected     uint64
	RejectedLink string
	// CanCheck shows the button that asks Shopee, Checked is the answer; nil if Shopee was not asked.
	CanCheck bool
	Checked  *checked
	// Omitted is the number of the oldest entries that do not fit into the page.
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
	data := timeline(key, found.Items)
	if err := c.addStanding(r.Context(), data); err != nil {
		return view{}, err
	}
	if data.Rejected, err = c.Reader.CountRejected(r.Context(), pushrecords.Filter{Shops: []int64{key.ShopID}, StoreSKUs: []string{key.StoreSKU}}); err != nil {
		return view{}, err
	}
	data.CanCheck = c.Checker != nil
	if data.Checked, err = c.check(r, key); err != nil {
		return view{}, err
	}
	data.RejectedLink = link(pathRejected, url.Values{"shop_id": {query.Get("shop_id")}, "store_sku": {key.StoreSKU}})
	return view{Template: "history", Tab: "store", Title: cutText(80, key.StoreSKU), Data: data, Live: true}, nil
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

// bytes estimates the entry's size in HTML.
func (e *entry) bytes() int {
	sum := 1000 + escaped(cutText(reasonBytes, e.FailureReason)) + escaped(e.RequestID)
	for _, r := range append([]pushrecords.Record{e.Record}, e.Others...) {
		sum += 250 + 2*escaped(r.EventID) + escaped(r.SupersededBy) + escaped(r.RetryOf)
	}
	return sum
}

// sameRun reports whether two consecutive records were both Skipped before they were queued. Such
// runs are collapsed.
func sameRun(a, b *pushrecords.Record) bool {
	skipped := schemas.Skipped.String()
	return a.Status == skipped && b.Status == skipped
}
