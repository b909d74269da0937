package pushrecords

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"stockpush/schemas"
)

// search finds pages of store SKUs in two steps, so that a page reads narrow columns and its own
// rows only.
//
// The first step finds hits: candidates from store_sku_states and from the Pending records, in the
// list's order. An unmerged part may list a store SKU at an outdated position, but the row with its
// actual position is always among the hits. The second step reads the store SKUs' rows of
// store_sku_standings and applies the whole filter.
type search struct {
	listing[StoreSKU]
	reader *Reader
	filter Filter
	hits   []source
	// compare is the list's order, lead the order of its first column.
	compare, lead func(a, b *StoreSKU) int
	// byLead sorts the hits by the first column alone, so that ClickHouse reads the other columns
	// only of hits. It is turned off when too many hits share one value.
	byLead bool
}

// source returns n hits from a place on. A hit has only the sort columns.
type source func(ctx context.Context, from place, n int) ([]StoreSKU, error)

// place is where in a list hits start.
type place struct {
	// of are the sort columns' values; nil means the start of the list.
	of []string
	// byLead says that the hits are sorted by the first column alone.
	byLead bool
	// within says that more rows may have the same value of the first column.
	within bool
}

const (
	// moreHits is how many hits beyond a page are read, for those that turn out wrong.
	moreHits = 13
	// moreEachRound is the factor by which each further round reads more.
	moreEachRound = 4
)

func (s *search) page(ctx context.Context, p Page) (List[StoreSKU], error) {
	limit, err := p.limit()
	if err != nil {
		return List[StoreSKU]{}, err
	}
	w, from, err := s.behind(p.Cursor)
	if err != nil {
		return List[StoreSKU]{}, err
	}
	var found []StoreSKU
	var done func(*StoreSKU) bool // reports whether a row precedes the place
	for n := limit + 1 + moreHits; len(found) <= limit; n *= moreEachRound {
		hits, last, err := s.look(ctx, from, n)
		if err != nil {
			return List[StoreSKU]{}, err
		}
		rows, err := s.standing(ctx, w, hits)
		if err != nil {
			return List[StoreSKU]{}, err
		}
		known := s.before(last, from.byLead)
		for i := range rows {
			if (done == nil || !done(&rows[i])) && known(&rows[i]) {
				found = append(found, rows[i])
			}
		}
		if last == nil {
			break
		}
		done, from = known, s.next(from, last)
	}
	list := s.listing.page(found, limit, false)
	return list, s.reader.addShopNames(ctx, list.Items)
}

// before returns a function that reports which rows precede the last hit, so that all of them are
// known. With byLead, more rows may share the last hit's first column. If last is nil, the list is
// complete.
func (s *search) before(last *StoreSKU, byLead bool) func(*StoreSKU) bool {
	switch {
	case last == nil:
		return func(*StoreSKU) bool { return true }
	case byLead:
		return func(row *StoreSKU) bool { return s.lead(row, last) < 0 }
	default:
		return func(row *StoreSKU) bool { return s.compare(row, last) <= 0 }
	}
}

// next returns the next place. If one value of the first column fills a whole round, hits are
// sorted by all columns from there on.
func (s *search) next(from place, last *StoreSKU) place {
	to := place{of: s.place(last), byLead: from.byLead, within: from.byLead}
	if from.byLead && from.of != nil && from.of[0] == to.of[0] {
		to.byLead = false
	}
	return to
}

// behind returns the condition for the rows after a cursor, and the cursor's place.
func (s *search) behind(text string) (where, place, error) {
	w, from := s.reader.statusWhere(s.filter), place{byLead: s.byLead, within: s.byLead}
	if text == "" {
		return w, from, nil
	}
	c, args, err := decodeCursor(s.name, s.sort, text)
	if err != nil {
		return w, from, err
	}
	w.add(after(s.sort), args...)
	from.of = c.After
	return w, from, nil
}

// look queries all sources. last is the first place after which a source may have more; nil if none
// has.
func (s *search) look(ctx context.Context, from place, n int) (hits []StoreSKU, last *StoreSKU, err error) {
	answers := make([][]StoreSKU, len(s.hits))
	work, ctx := errgroup.WithContext(ctx)
	for i, ask := range s.hits {
		work.Go(func() (err error) {
			answers[i], err = ask(ctx, from, n)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, nil, err
	}
	for _, answer := range answers {
		hits = append(hits, answer...)
		if len(answer) < n {
			continue
		}
		if end := &answer[n-1]; last == nil || s.compare(end, last) < 0 {
			last = end
		}
	}
	slices.SortFunc(hits, func(a, b StoreSKU) int { return s.compare(&a, &b) })
	if len(hits) > n { // use no more hits of several sources than of one
		hits = hits[:n]
		if end := &hits[n-1]; last == nil || s.compare(end, last) < 0 {
			last = end
		}
	}
	return hits, last, nil
}

// standingSettings: a store SKU's row is one granule, and reading fifty of them is worth a second
// thread.
const standingSettings = " SETTINGS merge_tree_min_rows_for_concurrent_read = 1024, merge_tree_min_bytes_for_concurrent_read = 1"

// standing returns the rows of the hits' store SKUs that match, in the list's order.
func (s *search) standing(ctx context.Context, w where, hits []StoreSKU) ([]StoreSKU, error) {
	seen := make(map[schemas.Key]bool, len(hits))
	var keys []schemas.Key
	for i := range hits {
		if key := hits[i].Key(); !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	var found []StoreSKU
	for some := range slices.Chunk(keys, maxNamed) {
		named := where{slices.Clone(w.conditions), slices.Clone(w.args)}
		named.keys(some)
		rows, err := rows[StoreSKU](ctx, s.reader, statusSelect+s.reader.view("store_sku_standings")+named.String()+standingSettings, named.args...)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
	}
	slices.SortFunc(found, func(a, b StoreSKU) int { return s.compare(&a, &b) })
	return found, s.reader.addProgress(ctx, found)
}

func compareKeys(a, b *StoreSKU) int {
	return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.ShopID, b.ShopID), cmp.Compare(a.StoreSKU, b.StoreSKU))
}
