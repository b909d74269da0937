package pushrecords

import (
	"context"

	"stockpush/schemas"
)

// MerchantSKU sums up the store SKUs of a merchant SKU that match a filter.
type MerchantSKU struct {
	MerchantSKU string
	// Shops and StoreSKUs count its shops and store SKUs. More reports that there are others.
	Shops, StoreSKUs int
	More             bool
	// Min and Max are the smallest and the largest quantity of the last pushes.
	Min, Max int64
	// Failing and Pending count the store SKUs whose last push is so.
	Failing, Pending int

	shops map[uint64]bool
}

func (m *MerchantSKU) add(s *StoreSKU) {
	if m.StoreSKUs == 0 {
		m.shops, m.Min, m.Max = map[uint64]bool{}, s.LastPushQty, s.LastPushQty
	}
	m.shops[s.ShopID] = true
	m.StoreSKUs++
	m.Shops = len(m.shops)
	m.Min, m.Max = min(m.Min, s.LastPushQty), max(m.Max, s.LastPushQty)
	switch s.LastPushStatus {
	case schemas.Failed.String():
		m.Failing++
	case schemas.Pending.String():
		m.Pending++
	}
}

// maxGrouped limits the store SKUs that one page of merchant SKUs reads, if it has any merchant SKU
// by then.
const maxGrouped = 3 * MaxLimit

// lastKey follows all channels and store SKUs.
const lastKey = "\U0010FFFF"

// MerchantGroups lists the merchant SKUs by name, each with all store SKUs that match. The store SKUs
// without a merchant SKU are the last item, which sums up at most MaxLimit of them.
func (r *Reader) MerchantGroups(ctx context.Context, f Filter, p Page) (List[MerchantSKU], error) {
	limit, err := p.limit()
	if err != nil {
		return List[MerchantSKU]{}, err
	}
	after := p.Cursor
	if after == "" {
		after = afterMerchant("")
	}
	found := List[MerchantSKU]{Items: []MerchantSKU{}}
	for read := 0; ; {
		list, err := r.MerchantSKUs(ctx, f, Page{Limit: min(MaxLimit, 4*limit), Cursor: after})
		if err != nil {
			return found, err
		}
		for i := range list.Items {
			addTo(&found, &list.Items[i])
		}
		read += len(list.Items)
		after = list.NextCursor
		n := len(found.Items)
		if after == "" && n <= limit {
			return r.withNoMerchant(ctx, f, found)
		}
		if n > limit || n > 1 && read >= maxGrouped { // the last may be incomplete
			found.Items = found.Items[:min(limit, n-1)]
			found.NextCursor = afterMerchant(found.Items[len(found.Items)-1].MerchantSKU)
			return found, nil
		}
	}
}

func (l *List[T]) last() *T { return &l.Items[len(l.Items)-1] }

func addTo(l *List[MerchantSKU], s *StoreSKU) {
	if len(l.Items) == 0 || l.last().MerchantSKU != s.MerchantSKU {
		l.Items = append(l.Items, MerchantSKU{MerchantSKU: s.MerchantSKU})
	}
	l.last().add(s)
}

// afterMerchant returns the cursor after all store SKUs of a merchant SKU.
func afterMerchant(name string) string {
	return encodeCursor("merchant-skus", []string{name, lastKey, unsignedText(1<<64 - 1), lastKey})
}

// withNoMerchant adds the store SKUs without a merchant SKU.
func (r *Reader) withNoMerchant(ctx context.Context, f Filter, found List[MerchantSKU]) (List[MerchantSKU], error) {
	if len(f.MerchantSKUs) > 0 {
		return found, nil
	}
	f.MerchantSKUs = []string{""}
	list, err := r.MerchantSKUs(ctx, f, Page{Limit: MaxLimit})
	if err != nil || len(list.Items) == 0 {
		return found, err
	}
	for i := range list.Items {
		addTo(&found, &list.Items[i])
	}
	found.last().More = list.NextCursor != ""
	return found, nil
}
