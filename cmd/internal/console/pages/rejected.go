package pages

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

const (
	// rejectedPage is how many rejected triggers a page lists.
	rejectedPage = 50
	// keyBytes and valueBytes limit how much of a message is shown.
	keyBytes, valueBytes = 300, 2000
)

// rejectedData is the data of the page of rejected triggers.
type rejectedData struct {
	Form form `json:"-"`
	// Redrive shows the button that publishes them again; Since is the period it submits.
	Redrive bool   `json:"-"`
	Since   string `json:"-"`
	// Causes are the error codes with their numbers and links; All links to all codes.
	Causes []facet
	All    string
	// SKUs are the store SKUs with the most rejected triggers of the chosen cause.
	SKUs []rejectedSKU
	Rows []rejectedRow
	pageLinks
}

// rejectedRow is a rejected trigger. Shop and History are empty if its key names no store SKU.
type rejectedRow struct {
	pushrecords.Rejected
	Shop, History string
}

func rejectedRows(found []pushrecords.Rejected) []rejectedRow {
	list := make([]rejectedRow, len(found))
	for i, r := range found {
		list[i].Rejected = r
		if r.ShopID != nil {
			list[i].Shop = strconv.FormatUint(*r.ShopID, 10)
			list[i].History = historyLink(schemas.Key{Channel: r.Channel, ShopID: int64(*r.ShopID), StoreSKU: r.StoreSKU})
		}
	}
	return list
}

// rejectedSKU is a store SKU with the number of its rejected triggers, and the link to them.
type rejectedSKU struct {
	Shop, SKU, Link string
	N               uint64
}

func rejectedSKUs(a asked, found []pushrecords.RejectedSKU) (list []rejectedSKU) {
	if len(found) < 2 {
		return nil // the rows below say it
	}
	for _, sku := range found {
		query, shop := maps.Clone(a.query), strconv.FormatUint(sku.ShopID, 10)
		query["shop_id"], query["store_sku"] = []string{shop}, []string{sku.StoreSKU}
		list = append(list, rejectedSKU{shop, sku.StoreSKU, link(a.path, query), sku.N})
	}
	return list
}

func (c *console) rejected(r *http.Request) (view, error) {
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	cursor := r.Form.Get("cursor")
	page := pushrecords.Page{Limit: rejectedPage, Cursor: cursor}
	causes, err := c.Reader.RejectedCauses(r.Context(), a.filter)
	if err != nil {
		return view{}, err
	}
	skus, err := c.Reader.RejectedSKUs(r.Context(), a.filter)
	if err != nil {
		return view{}, err
	}
	found, err := c.Reader.Rejected(r.Context(), a.filter, page)
	if err != nil {
		return view{}, err
	}
	page.Limit = fitting(found.Items, func(r *pushrecords.Rejected) int {
		return 1200 + escaped(r.ErrorMessage) + escaped(r.ErrorField) + escaped(cutText(keyBytes, r.Key)) + escaped(cutText(valueBytes, r.Value))
	})
	if page.Limit < len(found.Items) {
		if found, err = c.Reader.Rejected(r.Context(), a.filter, page); err != nil {
			return view{}, err
		}
	}
	data := &rejectedData{Form: a.form(c.viewer(r)), Redrive: c.Redriver != nil, Since: a.query.Get("since"), Rows: rejectedRows(found.Items), All: a.with("error_code"), SKUs: rejectedSKUs(a, skus)}
	data.pageLinks = a.pageLinks(c.viewer(r), "rejected-events", cursor, found.NextCursor)
	for _, n := range causes {
		data.Causes = append(data.Causes, facet{Code: n.Value, N: n.N, Link: a.with("error_code", n.Value), Chosen: slices.Contains(a.filter.ErrorCodes, n.Value)})
	}
	return view{Template: "rejected", Tab: "rejected", Title: c.viewer(r).T("title.rejected"), Data: data, Live: true}, nil
}
