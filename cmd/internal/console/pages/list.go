package pages

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// pageRows is how many store SKUs a page lists. With their failures they take about 100 kB.
const pageRows = 50

// row is a store SKU in a list.
type row struct {
	pushrecords.StoreSKU
	// Pick names the failure in a form; empty if nothing fails.
	Pick string
	// History is the link to the store SKU's records.
	History string
	// Why says why its newest record is Pending; nil if none is.
	Why *waiting
	// Drift is what the last audit found; nil if nothing, or if a push was confirmed since.
	Drift *pushrecords.Finding
	// Group marks the first row of a merchant SKU.
	Group bool
}

// facet is a failure code and how many store SKUs still fail with it.
type facet struct {
	Code, Link string
	N          uint64
	Chosen     bool
	// Advice shows what to do about it.
	Advice bool
}

// listData is the data of both lists.
type listData struct {
	Form form `json:"-"`
	Rows []row
	// ByMerchant groups the rows by merchant SKU.
	ByMerchant bool
	Facets     []facet
	// Failing counts the store SKUs within the filter that still fail, with any code. Matching
	// counts those with the selected code, which a re-push of all matches takes.
	Failing, Matching uint64
	// FailingLink is the list of what still fails.
	FailingLink string
	// OnPage is how many of the rows can be re-pushed.
	OnPage int
	// Back is the link to this page, Cursor its position.
	Back, Cursor string
	// Found has what else a search found; nil without one.
	Found *found
	pageLinks
}

type listFunc func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error)

func (c *console) storeSKUs(r *http.Request) (view, error) {
	data, err := c.list(r, c.Reader.StoreSKUs, pushrecords.NewestFirst)
	return view{Template: "list", Tab: "store", Title: c.viewer(r).T("title.store"), Data: data, Live: true}, err
}

// merchantSKUs lists the merchant SKUs, or the store SKUs of some, sorted by merchant SKU.
func (c *console) merchantSKUs(r *http.Request) (view, error) {
	if r.Form.Get("merchant_sku") == "" && r.Form.Get("no_merchant") == "" {
		return c.groups(r)
	}
	data, err := c.list(r, c.Reader.MerchantSKUs, pushrecords.ByKey)
	if err != nil {
		return view{}, err
	}
	data.ByMerchant = true
	for i := range data.Rows {
		data.Rows[i].Group = i == 0 || data.Rows[i-1].MerchantSKU != data.Rows[i].MerchantSKU
	}
	return view{Template: "list", Tab: "merchant", Title: c.viewer(r).T("title.merchant"), Data: data, Live: true}, nil
}

func (c *console) list(r *http.Request, find listFunc, order pushrecords.Order) (*listData, error) {
	a, err := c.asked(r)
	if err != nil {
		return nil, err
	}
	cursor := r.Form.Get("cursor")
	data := &listData{Form: a.form(c.viewer(r)), Back: r.URL.RequestURI(), Cursor: cursor}
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
	if data.Found, err = c.lookElsewhere(r.Context(), a, len(data.Rows) == 0 && cursor == ""); err != nil {
		return nil, err
	}
	for i := range data.Rows {
		if data.Rows[i].Pick != "" {
			data.OnPage++
		}
	}
	data.pageLinks = a.pageLinks(c.viewer(r), "store-skus", cursor, found.NextCursor)
	return data, nil
}

// fitting returns a page's rows, or fewer if long rows would make the page too large.
func (c *console) fitting(ctx context.Context, find listFunc, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error) {
	found, err := find(ctx, f, p)
	if err != nil {
		return found, err
	}
	// A row contains its SKU six times, once in a link, and its merchant SKU up to three times.
	fits := fitting(found.Items, func(s *pushrecords.StoreSKU) int {
		return 2200 + 6*escaped(s.StoreSKU) + 3*escaped(s.MerchantSKU) + escaped(cutText(reasonBytes, s.LastFailureReason))
	})
	if fits == len(found.Items) {
		return found, nil
	}
	p.Limit = fits
	return find(ctx, f, p)
}

// rows adds to each failing store SKU the failure that a re-push would repeat.
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
	if err := c.addDrifts(ctx, rows); err != nil {
		return nil, err
	}
	return rows, c.explain(ctx, rows)
}

// countFailures counts what still fails of what the filter shows. The codes that are not chosen are
// counted too, to choose from.
func (c *console) countFailures(ctx context.Context, a asked, data *listData) error {
	data.FailingLink = a.failing()
	filter := a.filter
	if len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, schemas.Failed) {
		return nil // what is shown has no failures
	}
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
	for i := range data.Facets {
		data.Facets[i].Advice = len(a.filter.FailureCodes) == 0 || data.Facets[i].Chosen
	}
	return nil
}

// failing returns the link to what still fails, with the given codes or with any.
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

// Made reports whether the quantity is the sum of the parts shown; a negative stock counts as 0.
func (r row) Made() bool { return r.Available+r.PromotionReserved == r.LastPushQty }

// At returns when the row's push was triggered.
func (r row) At() time.Time { return r.LastTriggeredAt }

// Failure returns the record whose failure the row explains.
func (r row) Failure() pushrecords.Record {
	return pushrecords.Record{FailureCode: r.LastFailureCode, FailureReason: r.LastFailureReason}
}
