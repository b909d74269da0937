package checker

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// rows: each table has one row per record.
func (c *check) rows() {
	facts := map[position]bool{}
	for _, f := range c.Facts {
		at := position{f.Partition, f.Offset}
		r := c.recordOf[at]
		if facts[at] || r == nil || r.Status != f.Status || r.FailureCode != f.FailureCode {
			c.violated(Rows, "push_record_facts has a second row at %d/%d, or one unlike its record", f.Partition, f.Offset)
		}
		facts[at] = true
	}
	rows := map[position]bool{}
	for _, f := range c.FailedRows {
		if rows[f.at()] || c.recordOf[f.at()] == nil {
			c.violated(Rows, "failed_push_record_rows has a second row at %d/%d, or one of no record", f.Partition, f.Offset)
		}
		rows[f.at()] = true
	}
	for at, r := range c.recordOf {
		if !facts[at] || r.Status == failed && !rows[at] {
			c.violated(Rows, "push_record_facts or failed_push_record_rows lacks %s", r.EventID)
		}
	}
}

// byStoreSKU returns the records of each store SKU, newest first.
func (c *check) byStoreSKU() map[string][]*Record {
	all := map[string][]*Record{}
	for _, r := range c.recordOf {
		all[r.key()] = append(all[r.key()], r)
	}
	for _, records := range all {
		slices.SortFunc(records, func(a, b *Record) int { return cmp.Compare(b.Offset, a.Offset) })
	}
	return all
}

// keptRecords is how many records of a store SKU the history shows.
const keptRecords = 100

// history: it shows the latest 100 records of each store SKU.
func (c *check) history() {
	var want []*Record
	for _, records := range c.byStoreSKU() {
		want = append(want, records[:min(len(records), keptRecords)]...)
	}
	c.same("push_record_history", want, c.History)
}

// same compares a view's records with the expected ones.
func (c *check) same(view string, want []*Record, got []Record) {
	wanted := map[position]*Record{}
	for _, r := range want {
		wanted[r.at()] = r
	}
	for i := range got {
		g := got[i]
		w := wanted[g.at()]
		delete(wanted, g.at())
		if w == nil {
			c.violated(Views, "%s has an extra row of %s (%s)", view, g.EventID, g.StoreSKU)
			continue
		}
		if g.Status != w.Status || g.PushQty != w.PushQty || g.FailureCode != w.FailureCode || g.EventID != w.EventID ||
			!g.FinishedAt.Equal(w.FinishedAt.Time) || g.SupersededBy != w.SupersededBy || !equal(g.AfterQty, w.AfterQty) || !equal(g.BeforeQty, w.BeforeQty) {
			c.violated(Views, "%s shows %s differently from push_records", view, g.EventID)
		}
	}
	for _, r := range wanted {
		c.violated(Views, "%s does not show %s (%s, %s)", view, r.EventID, r.StoreSKU, r.Status)
	}
}

// failures: it has the Failed records without a newer success or Pending record.
func (c *check) failures() {
	var want []*Record
	for _, records := range c.byStoreSKU() {
		for _, r := range records {
			if r.Status == successfully || r.Status == pending {
				break
			}
			if r.Status == failed {
				want = append(want, r)
			}
		}
	}
	c.same("failed_push_records", want, c.Failed)
	for _, f := range c.Failed {
		if f.Class == "" || f.Hint == "" {
			c.violated(Views, "failed_push_records has no class or no hint for %s", f.FailureCode)
		}
	}
}

// storeSKUs: it has one row per store SKU, of the newest record that is not Skipped.
func (c *check) storeSKUs() {
	records := c.byStoreSKU()
	for view, rows := range map[string][]SKUStatus{"store_sku_push_status": c.StoreSKUs, "merchant_sku_push_status": c.MerchantSKUs} {
		seen := map[string]bool{}
		for i := range rows {
			row := &rows[i]
			key := skuKey(row.Channel, row.ShopID, row.StoreSKU)
			if of := records[key]; seen[key] || len(of) == 0 || !row.shows(of) {
				c.violated(Views, "%s shows %s twice or wrongly: %+v", view, key, *row)
			}
			seen[key] = true
		}
		for key := range records {
			if !seen[key] {
				c.violated(Views, "%s does not show %s", view, key)
			}
		}
	}
}

// shows ignores finished_at: a record that was pushed again after its worker died has two finish
// times, and both are right.
func (s *SKUStatus) shows(records []*Record) bool {
	r, waiting := records[0], 0
	for i := len(records) - 1; i >= 0; i-- {
		if records[i].Status != skipped {
			r = records[i]
		}
		if records[i].Status == pending {
			waiting++
		}
	}
	return s.MerchantSKU == records[0].MerchantSKU && s.Pending == waiting && s.PushQty == r.PushQty && s.Status == r.Status && s.Reason == r.Reason &&
		s.FailureCode == r.FailureCode && s.FailureReason == r.FailureReason && s.Available == r.Available && s.PromotionReserved == r.PromotionReserved &&
		s.TriggeredAt.Equal(r.TriggeredAt.Time) && s.FinishedAt.After(r.TriggeredAt.Time) == (r.Status != pending)
}

// stats: each record counts once, in its hour and final status, with its duration.
func (c *check) stats() {
	type group struct {
		hour                 time.Time
		shop                 int64
		reason, status, code string
	}
	times := map[group][]float64{}
	for _, r := range c.recordOf {
		if r.Status != pending {
			g := group{r.TriggeredAt.Truncate(time.Hour), r.ShopID, r.Reason, r.Status, r.FailureCode}
			times[g] = append(times[g], float64(r.FinishedAt.Sub(r.TriggeredAt.Time).Milliseconds()))
		}
	}
	for _, s := range c.Stats {
		g := group{s.Hour.Time, s.ShopID, s.Reason, s.Status, s.FailureCode}
		took := times[g]
		delete(times, g)
		slices.Sort(took)
		if len(took) != s.Records {
			c.violated(Views, "push_stats_hourly counts %d instead of %d records of %v", s.Records, len(took), g)
		} else if !isQuantile(took, 0.5, s.P50) || !isQuantile(took, 0.99, s.P99) {
			c.violated(Views, "push_stats_hourly has percentiles %v and %v of %v", s.P50, s.P99, g)
		}
	}
	for g, took := range times {
		c.violated(Views, "push_stats_hourly lacks %d records of %v", len(took), g)
	}
}

// isQuantile allows 1 % and the neighbouring values, because a quantile of few values has many
// definitions.
func isQuantile(sorted []float64, q, got float64) bool {
	at := q * float64(len(sorted)-1)
	low := max(0, int(math.Floor(at))-1)
	high := min(len(sorted)-1, int(math.Ceil(at))+1)
	return got >= sorted[low]*0.99-1 && got <= sorted[high]*1.01+1
}

// rejected: each message produced as bad is an unchanged dead letter and one row.
func (c *check) rejected() {
	for _, letter := range c.DeadLetters {
		at, ok := sourceOf(letter)
		bad, known := c.log.bad[at]
		if !ok || !known || bad.Key != letter.Key || bad.Value != letter.Value || letter.Headers["error-code"] != c.Bad[BadKey(bad.Key, bad.Value)] {
			c.violated(Rejected, "a dead letter of a good event, changed, or with a wrong code: %v", letter.Headers)
		}
	}
	rows := map[position]bool{}
	for _, row := range c.RejectedEvents {
		at := position{row.Partition, row.Offset}
		bad, known := c.log.bad[at]
		if rows[at] || !known || bad.Key != row.Key || bad.Value != row.Value || row.Code != c.Bad[BadKey(bad.Key, bad.Value)] {
			c.violated(Rejected, "rejected_events has %d/%d (%s) twice, changed, or without a cause", row.Partition, row.Offset, row.Code)
		}
		rows[at] = true
	}
	for at := range c.log.bad {
		if !rows[at] {
			c.violated(Rejected, "rejected_events lacks %d/%d", at.partition, at.offset)
		}
	}
}
