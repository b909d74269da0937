package pushrecords

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"stockpush/schemas"
)

// SQL expressions over a row of store_sku_states. A row is a store SKU as one part of the table
// knows it.
const (
	// stands: the newest outcome is within the 30 days.
	stands = "outcome_at > now64(3, 'UTC') - INTERVAL 30 DAY"
	// lastAt is the trigger time of the last push, ignoring Pending records.
	lastAt = "if(" + stands + ", outcome_at, newest_at)"
)

// stateHits returns the hits of store_sku_states. Columns that do not determine the position in the
// list are looked up by the store SKU's hash.
func (r *Reader) stateHits(columns string, sort []sortColumn, w where) source {
	w.add("newest_at > now64(3, 'UTC') - INTERVAL 30 DAY")
	return r.hitsOf("SELECT channel, shop_id, store_sku, "+columns+" FROM "+r.view("store_sku_states"), sort, w)
}

// pendingHits returns the store SKUs with Pending records.
func (r *Reader) pendingHits(f Filter, sort []sortColumn) source {
	w := r.chosen(f)
	pendingOf(&w, f)
	return r.hitsOf("SELECT channel, shop_id, store_sku, triggered_at AS last_triggered_at FROM "+r.view("pending_push_records"), sort, w)
}

func (r *Reader) hitsOf(from string, sort []sortColumn, w where) source {
	return func(ctx context.Context, p place, n int) ([]StoreSKU, error) {
		w := where{slices.Clone(w.conditions), slices.Clone(w.args)}
		if p.of != nil {
			condition, columns := after(sort), sort
			if p.within {
				condition, columns = sort[0].bound(), sort[:1]
			}
			args, err := parsePlace(columns, p.of)
			if err != nil {
				return nil, err
			}
			w.add(condition, args...)
		}
		order := orderBy(sort)
		if p.byLead {
			order = orderBy(sort[:1])
		}
		return rows[StoreSKU](ctx, r, from+w.String()+order+" LIMIT "+strconv.Itoa(n)+hitSettings, w.args...)
	}
}

// hitSettings: all parts of a query see the same rows, and no set of hashes is looked up in an
// index that cannot use it.
const hitSettings = " SETTINGS enable_shared_storage_snapshot_in_query = 1, use_index_for_in_with_subqueries = 0"

// chosen has the conditions on a store SKU itself. Another row of the store SKU may have its merchant
// SKU, so that is looked up by the store SKU's hash.
func (r *Reader) chosen(f Filter) (w where) {
	w.skus(f)
	merchant := "sku_hash IN (SELECT sku_hash FROM " + r.view("store_sku_states") + " WHERE "
	if len(f.MerchantSKUs) > 0 {
		w.add(merchant+"newest.merchant_sku IN {merchant_skus:Array(String)})", clickhouse.Named("merchant_skus", f.MerchantSKUs))
	}
	if f.Query != "" {
		w.add("("+contains("store_sku")+" OR "+merchant+contains("newest.merchant_sku")+"))", forms(f.Query))
	}
	return w
}

func pendingOf(w *where, f Filter) {
	w.in("reason", "reasons", words(f.Reasons, schemas.Reason.Label))
	w.between("triggered_at", f.Since, f.Until)
}

// outcomes adds the filter's conditions on the last push. With ordered, a row without an outcome
// counts only if its store SKU has none.
func (r *Reader) outcomes(w *where, f Filter, s spread, ordered bool) {
	skipped := f.takes(schemas.Skipped) && len(f.FailureCodes) == 0
	terminal := f.takes(schemas.Failed) || f.takes(schemas.Successfully)
	switch {
	case !skipped:
		w.add(stands)
	case !terminal:
		w.add("NOT " + stands)
	}
	if len(f.Statuses) > 0 && terminal {
		condition := "outcome.status IN {statuses:Array(String)}"
		if skipped {
			condition = "(" + condition + " OR NOT " + stands + ")"
		}
		w.add(condition, clickhouse.Named("statuses", words(f.Statuses, schemas.Status.String)))
	}
	if len(f.FailureCodes) > 0 {
		w.add("outcome.status = 'Failed'")
		w.in("outcome.failure_code", "failure_codes", words(f.FailureCodes, codeText))
	}
	w.in("if("+stands+", outcome.reason, newest.reason)", "reasons", words(f.Reasons, schemas.Reason.Label))
	w.between(lastAt, f.Since, f.Until)
	if skipped && s.Elsewhere > 0 && (ordered || f.ofOutcome() && (s.Elsewhere > r.few || len(f.Statuses) > 0)) {
		r.withoutOutcome(w, s)
	}
}

// withoutOutcome excludes rows without an outcome if another part has an outcome of the store SKU.
// Most recently inserted rows are such.
func (r *Reader) withoutOutcome(w *where, s spread) {
	w.add("("+stands+" OR sku_hash NOT IN (SELECT sku_hash FROM "+r.view("store_sku_states")+" WHERE "+stands+" AND sku_hash IN ("+r.scattered()+")))",
		s.named())
}

// scattered selects the hashes of the store SKUs that parts other than the largest have. A merged
// part has each store SKU once.
func (r *Reader) scattered() string {
	return "SELECT sku_hash FROM " + r.view("store_sku_states") + " WHERE _part != {largest:String}"
}

// spread is the distribution of the rows of store_sku_states over parts.
type spread struct {
	// Largest is the largest merged part; empty if there is none.
	Largest string `ch:"largest"`
	// Elsewhere is the number of rows in the other parts.
	Elsewhere uint64 `ch:"elsewhere"`
}

func (s spread) named() any { return clickhouse.Named("largest", s.Largest) }

// fewRows is a number of rows in other parts up to which it is cheaper to look up wrong hits than
// to exclude them.
const fewRows = 50_000

// spread queries the parts separately, because one query would name the part in many places. The
// part may be merged before it is used. Then all store SKUs count as scattered, which is slower but
// correct.
func (r *Reader) spread(ctx context.Context) (spread, error) {
	found, err := rows[spread](ctx, r, "SELECT argMaxIf(name, rows, level > 0) AS largest, toUInt64(sum(rows) - maxIf(rows, level > 0)) AS elsewhere "+
		"FROM system.parts WHERE database = {database:String} AND table = 'store_sku_states' AND active", clickhouse.Named("database", r.database))
	if err != nil {
		return spread{}, err
	}
	return found[0], nil
}

// takes reports whether the filter admits a status.
func (f Filter) takes(s schemas.Status) bool {
	return len(f.Statuses) == 0 || slices.Contains(f.Statuses, s)
}

// ofOutcome reports whether the filter has a condition on the last push.
func (f Filter) ofOutcome() bool {
	return len(f.Statuses)+len(f.Reasons)+len(f.FailureCodes) > 0 || !f.Since.IsZero() || !f.Until.IsZero()
}

// takesPending reports whether a store SKU whose last push is Pending may match.
func (f Filter) takesPending() bool { return f.takes(schemas.Pending) && len(f.FailureCodes) == 0 }

// takesStates reports whether a store SKU with another last push may match.
func (f Filter) takesStates() bool {
	return f.takes(schemas.Failed) || f.takes(schemas.Successfully) || f.takes(schemas.Skipped) && len(f.FailureCodes) == 0
}

// byKey returns the list in the order of channel, shop and SKU.
func (r *Reader) byKey(f Filter, parts spread) search {
	s := search{listing: listing[StoreSKU]{sort: keyColumns, place: placeByKey}, compare: compareKeys}
	w := r.chosen(f)
	r.outcomes(&w, f, parts, false)
	if f.takesStates() {
		s.hits = append(s.hits, r.stateHits("newest_at AS last_triggered_at", keyColumns, w))
	}
	if f.takesPending() && f.ofOutcome() { // otherwise the states are enough
		s.hits = append(s.hits, r.pendingHits(f, keyColumns))
	}
	return s
}

// byTime returns the list in the order of the last push's trigger, newest first.
func (r *Reader) byTime(f Filter, parts spread) search {
	newest := sortColumn{name: "last_triggered_at", kind: instant, down: true}
	s := search{listing: listing[StoreSKU]{sort: append([]sortColumn{newest}, keyColumns...)}, byLead: true}
	s.place = func(row *StoreSKU) []string {
		return append([]string{instantText(row.LastTriggeredAt)}, placeByKey(row)...)
	}
	s.lead = func(a, b *StoreSKU) int { return b.LastTriggeredAt.Compare(a.LastTriggeredAt) }
	s.compare = func(a, b *StoreSKU) int { return cmp.Or(s.lead(a, b), compareKeys(a, b)) }
	w := r.chosen(f)
	r.outcomes(&w, f, parts, true)
	if f.takesStates() {
		s.hits = append(s.hits, r.stateHits(lastAt+" AS last_triggered_at", s.sort, w))
	}
	if f.takesPending() {
		s.hits = append(s.hits, r.pendingHits(f, s.sort))
	}
	return s
}

// byMerchant returns the list in the order of merchant SKU and key. A store SKU has the merchant
// SKU of its newest record.
func (r *Reader) byMerchant(f Filter, parts spread) search {
	s := search{listing: listing[StoreSKU]{sort: append([]sortColumn{{name: "merchant_sku", kind: text}}, keyColumns...)}, byLead: true}
	s.place = func(row *StoreSKU) []string { return append([]string{row.MerchantSKU}, placeByKey(row)...) }
	s.lead = func(a, b *StoreSKU) int { return cmp.Compare(a.MerchantSKU, b.MerchantSKU) }
	s.compare = func(a, b *StoreSKU) int { return cmp.Or(s.lead(a, b), compareKeys(a, b)) }
	var w where
	w.skus(f)
	w.in("newest.merchant_sku", "merchant_skus", f.MerchantSKUs)
	w.part(f.Query, "store_sku", "newest.merchant_sku")
	if f.ofOutcome() {
		r.lastPushIn(&w, f, parts)
	}
	s.hits = []source{r.stateHits("newest.merchant_sku AS merchant_sku", s.sort, w)}
	return s
}

// lastPushIn adds the conditions on the last push where another row may determine the position in
// the list: any row of a store SKU may match.
func (r *Reader) lastPushIn(w *where, f Filter, parts spread) {
	var ways []string
	if f.takesStates() {
		var here where
		r.outcomes(&here, f, parts, false)
		ways = append(ways, strings.Join(here.conditions, " AND "))
		w.args = append(w.args, here.args...)
		if parts.Elsewhere > 0 {
			here.add("sku_hash IN ("+r.scattered()+")", parts.named())
			ways = append(ways, "sku_hash IN (SELECT sku_hash FROM "+r.view("store_sku_states")+here.String()+")")
			w.args = append(w.args, parts.named())
		}
	}
	if f.takesPending() {
		var waits where
		pendingOf(&waits, f)
		ways = append(ways, "sku_hash IN (SELECT sku_hash FROM "+r.view("pending_push_records")+waits.String()+")")
		w.args = append(w.args, waits.args...)
	}
	w.add("((" + strings.Join(ways, ") OR (") + "))")
}
