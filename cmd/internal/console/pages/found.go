package pages

import (
	"context"
	"net/url"

	"stockpush/cmd/internal/pushrecords"
)

// found is what a search found beside the listed store SKUs.
type found struct {
	Query string
	// Rejected is how many rejected triggers of the filter's shops contain the text, and RejectedLink
	// lists them.
	Rejected     uint64
	RejectedLink string
	// Only is the link to the search without the other filters; empty if there are none.
	Only string
	// Nearest are the store SKUs that are most like the text, if no SKU contains it.
	Nearest []row
}

// lookElsewhere looks for the filter's search text among the rejected triggers, and for the nearest
// store SKUs if none matches.
func (c *console) lookElsewhere(ctx context.Context, a asked, none bool) (*found, error) {
	text := a.filter.Query
	if text == "" {
		return nil, nil
	}
	rejected := url.Values{"q": {text}}
	if shops := a.query["shop_id"]; len(shops) > 0 {
		rejected["shop_id"] = shops
	}
	f := &found{Query: text, RejectedLink: link(pathRejected, rejected)}
	if len(a.query) > 1 {
		f.Only = link(a.path, url.Values{"q": {text}})
	}
	var err error
	if f.Rejected, err = c.Reader.CountRejected(ctx, pushrecords.Filter{Query: text, Shops: a.filter.Shops}); err != nil || !none {
		return f, err
	}
	nearest, err := c.Reader.Nearest(ctx, a.filter)
	for _, sku := range nearest {
		f.Nearest = append(f.Nearest, row{StoreSKU: sku, History: historyLink(sku.Key())})
	}
	return f, err
}
