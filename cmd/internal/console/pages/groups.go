package pages

import (
	"net/http"

	"golang.org/x/sync/errgroup"

	"stockpush/cmd/internal/pushrecords"
)

// groupRow is a merchant SKU in the list.
type groupRow struct {
	pushrecords.MerchantSKU
	// Link lists its store SKUs.
	Link string
}

// Name returns the merchant SKU.
func (g groupRow) Name() string { return g.MerchantSKU.MerchantSKU }

// Differ reports that the last pushes are not the same.
func (g groupRow) Differ() bool { return g.Min != g.Max }

// groupsData is the data of the list of merchant SKUs.
type groupsData struct {
	// List has the filter and its counts.
	*listData
	Groups []groupRow
}

// groups lists the merchant SKUs, each with its store SKUs summed up.
func (c *console) groups(r *http.Request) (view, error) {
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	v, cursor := c.viewer(r), r.Form.Get("cursor")
	data := &groupsData{listData: &listData{Form: a.form(v), ByMerchant: true, Back: r.URL.RequestURI()}}
	var groups pushrecords.List[pushrecords.MerchantSKU]
	work, ctx := errgroup.WithContext(r.Context())
	work.Go(func() error { return c.countFailures(ctx, a, data.listData) })
	work.Go(func() (err error) {
		groups, err = c.Reader.MerchantGroups(ctx, a.filter, pushrecords.Page{Limit: pageRows, Cursor: cursor})
		return err
	})
	if err := work.Wait(); err != nil {
		return view{}, err
	}
	for _, g := range groups.Items {
		row := groupRow{MerchantSKU: g, Link: a.with("merchant_sku", g.MerchantSKU)}
		if g.MerchantSKU == "" {
			row.Link = a.with("no_merchant", "true")
		}
		data.Groups = append(data.Groups, row)
	}
	data.Rows = make([]row, len(data.Groups)) // whether anything matches
	if data.Found, err = c.lookElsewhere(r.Context(), a, len(data.Groups) == 0 && cursor == ""); err != nil {
		return view{}, err
	}
	data.pageLinks = a.pageLinks(v, "merchant-skus", cursor, groups.NextCursor)
	return view{Template: "groups", Tab: "merchant", Title: v.T("title.merchant"), Data: data, Live: true}, nil
}
