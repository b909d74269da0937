package pages

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// pageRows is how many store SKUs a page lists: 50 with their failures are about 100 kB.
const pageRows = 50

// row is a store SKU in a list.
type row struct {
	pushrecords.StoreSKU
	// Pick is what a form sends to name the failure; empty where nothing fails.
	Pick string
	// History is the link to the store SKU's records.
	History string
	// Group says that the row is the first of its merchant SKU.
	Group bool
}

// facet is a failure code with how many store SKUs still fail with it.
type facet struct {
	Code, Link string
	N          uint64
	Chosen     bool
}

// listData is the page of either list.
type listData struct {
	Form form `json:"-"`
	Rows []row
	// ByMerchant groups the rows by merchant SKU.
	ByMerchant bool
	Facets     []facet
	// Failing counts the store SKUs that still fail within the filter, whatever
	// the code; Matching with its code too: what a re-push of all that match is for.
	Failing, Matching uint64
	// FailingLink is the list of what still fails.
	FailingLink string
	// OnPage is how many of the rows can be re-pushed.
	OnPage int
	// Back is this page again.
	Back string
	// Next and First are links, empty where there is no such page; CSV is all
	// that match, as a table.
	Next, First, CSV string
}

type listFunc func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error)

func (c *console) storeSKUs(r *http.Request) (view, error) {
	data, err := c.list(r, c.Reader.StoreSKUs, pushrecords.NewestFirst)
	return view{Template: "list", Tab: "store", Title: "By store SKU", Data: data, Live: true}, err
}

// merchantSKUs sorts by merchant SKU, so that the store SKUs of one stand together.
func (c *console) merchantSKUs(r *http.Request) (view, error) {
	data, err := c.list(r, c.Reader.MerchantSKUs, pushrecords.ByKey)
	if err != nil {
		return view{}, err
	}
	data.ByMerchant = true
	for i := range data.Rows {
		data.Rows[i].Group = i == 0 || data.Rows[i-1].MerchantSKU != data.Rows[i].MerchantSKU
	}
	return view{Template: "list", Tab: "merchant", Title: "By merchant SKU", Data: data, Live: true}, nil
}

func (c *console) list(r *http.Request, find listFunc, order pushrecords.Order) (*listData, error) {
	if err := r.ParseForm(); err != nil {
		return nil, &pushrecords.ParameterError{Name: "query", Problem: "is not a valid query"}
	}
	a, err := c.asked(r)
	if err != nil {
		return nil, err
	}
	cursor := r.Form.Get("cursor")
	data := &listData{Form: a.form(), Back: r.URL.RequestURI()}
	var found pushrecords.List[pushrecords.StoreSKU]
	work, ctx := errgroup.WithContext(r.Context())
	work.Go(func() error { return c.countFailures(ctx, a, data) })
	work.Go(func() (err error) {
		if found, err = c.fitting(ctx, find, a.filter, pushrecords.Page{Limit: pageRows, Cursor: cursor, Order: order}); err != nil {
			return err
		}
		data.Rows, err = c.rows(ctx, found.Items)
		return err
	})
	if err := work.Wait(); err != nil {
		return nil, err
	}
	for i := range data.Rows {
		if data.Rows[i].Pick != "" {
			data.OnPage++
		}
	}
	csv := asked{query: a.query, path: "/api/v1/store-skus"}
	data.CSV = csv.with("format", "csv")
	if cursor != "" {
		data.First = link(a.path, a.query)
	}
	if found.NextCursor != "" {
		data.Next = a.with("cursor", found.NextCursor)
	}
	return data, nil
}

// fitting are the rows of a page; where they are so long that the page would be
// too large, fewer of them.
func (c *console) fitting(ctx context.Context, find listFunc, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error) {
	found, err := find(ctx, f, p)
	if err != nil {
		return found, err
	}
	// A row has its SKU six times, once of them in a link, and its merchant SKU up to three times.
	fits := fitting(found.Items, func(s *pushrecords.StoreSKU) int {
		return 1900 + 6*escaped(s.StoreSKU) + 3*escaped(s.MerchantSKU) + escaped(cutText(reasonBytes, s.LastFailureReason))
	})
	if fits == len(found.Items) {
		return found, nil
	}
	p.Limit = fits
	return find(ctx, f, p)
}

// rows adds to each store SKU that fails the failure that a re-push would repeat.
func (c *console) rows(ctx context.Context, items []pushrecords.StoreSKU) ([]row, error) {
	var failing []schemas.Key
	for i := range items {
		if items[i].LastPushStatus == schemas.Failed.String() {
			failing = append(failing, items[i].Key())
		}
	}
	found, err := c.Reader.NewestFailures(ctx, failing)
	if err != nil {
		return nil, err
	}
	picks := make(map[schemas.Key]string, len(found))
	for i := range found {
		picks[found[i].Key()] = pickOf(&found[i].Record)
	}
	rows := make([]row, len(items))
	for i, item := range items {
		rows[i] = row{StoreSKU: item, Pick: picks[item.Key()], History: historyLink(item.Key())}
	}
	return rows, nil
}

// countFailures counts what still fails. The list's statuses do not count: the
// numbers tell what there is to do, whatever is looked at.
func (c *console) countFailures(ctx context.Context, a asked, data *listData) error {
	filter := a.filter
	filter.Statuses = nil
	counts, err := c.Reader.FailingByCode(ctx, filter)
	if err != nil {
		return err
	}
	for _, count := range counts {
		code := schemas.FailureCode(count.Value)
		f := facet{Code: count.Value, N: count.N, Chosen: slices.Contains(a.filter.FailureCodes, code)}
		f.Link = a.failing(count.Value)
		if f.Chosen {
			f.Link = a.failing()
		}
		data.Facets = append(data.Facets, f)
		data.Failing += count.N
		if f.Chosen || len(a.filter.FailureCodes) == 0 {
			data.Matching += count.N
		}
	}
	if len(a.filter.Statuses) > 0 && !slices.Contains(a.filter.Statuses, schemas.Failed) {
		data.Matching = 0
	}
	data.FailingLink = a.failing()
	return nil
}

// failing is the link of what still fails, of some codes or of all.
func (a asked) failing(codes ...string) string {
	b := asked{query: url.Values{}, path: a.path}
	for name, values := range a.query {
		if name != "status" && name != "failure_code" {
			b.query[name] = values
		}
	}
	b.query.Set("still_failing", "true")
	return b.with("failure_code", codes...)
}

// pickOf names a failure in a form, with its store SKU, which makes it quick to find.
func pickOf(r *pushrecords.Record) string {
	if r.Status != schemas.Failed.String() {
		return ""
	}
	return url.Values{"event_id": {r.EventID}, "shop_id": {strconv.FormatUint(r.ShopID, 10)}, "store_sku": {r.StoreSKU}}.Encode()
}

// Made says that the quantity is what it is made up of; a negative stock counts as 0.
func (r row) Made() bool { return r.Available+r.PromotionReserved == r.LastPushQty }

// At is when the row's push was triggered.
func (r row) At() time.Time { return r.LastTriggeredAt }

// Failure is what the row says below itself.
func (r row) Failure() pushrecords.Record {
	return pushrecords.Record{FailureCode: r.LastFailureCode, FailureReason: r.LastFailureReason}
}
