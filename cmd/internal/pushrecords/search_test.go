package pushrecords_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// scatter writes random records of 240 store SKUs so that parts contain different states of them:
// most are merged, later ones are not. Many store SKUs share a time or a merchant SKU.
func (f *fixture) scatter() {
	random := rand.New(rand.NewPCG(5, 20))
	write := func(records int) {
		var batch []schemas.Record
		for range records {
			sku, n := random.Int64N(240), random.Int64N(40)
			r := record(10001+sku%3, fmt.Sprintf("sku/%03d", sku), 40*sku+n, schemas.Status(1+random.IntN(4)))
			r.MerchantSKU = fmt.Sprintf("M-%d", max(0, random.Int64N(12)-6))
			r.TriggeredAt = now.Add(time.Duration(n/8)*time.Minute - time.Hour)
			batch = append(batch, r)
		}
		f.insert(batch...)
	}
	for range 3 {
		write(300)
	}
	require.NoError(f.t, f.store.Conn().Exec(f.t.Context(), "OPTIMIZE TABLE d.store_sku_states FINAL"))
	require.NoError(f.t, f.store.Conn().Exec(f.t.Context(), "SYSTEM STOP MERGES d.store_sku_states"))
	f.t.Cleanup(f.startMerges) // the next test has the same tables
	for range 4 {
		write(60)
	}
	f.insert(record(10001, hostile, 5, schemas.Failed), record(10001, hostile, 4, schemas.Skipped))
}

// Every list equals the exact views, whatever is merged.
func TestListsMatchSQLWhateverIsMerged(t *testing.T) {
	f := newFixture(t)
	f.scatter()
	for name, few := range map[string]uint64{"little is not merged": 1000, "much is not merged": 0} {
		f.reader = f.reader.WithFew(few)
		t.Run(name, f.requireListsAsSQLSays)
	}
	f.startMerges()
	require.NoError(t, f.store.Conn().Exec(t.Context(), "OPTIMIZE TABLE d.store_sku_states FINAL"))
	t.Run("all is merged", f.requireListsAsSQLSays)
}

func (f *fixture) startMerges() {
	ctx := context.WithoutCancel(f.t.Context()) // which ends before the cleanup
	require.NoError(f.t, f.store.Conn().Exec(ctx, "SYSTEM START MERGES d.store_sku_states"))
}

// pageOfMany gives several pages of the 240 store SKUs.
const pageOfMany = 100

func byKey(a, b pushrecords.StoreSKU) int {
	return cmp.Or(strings.Compare(a.Channel, b.Channel), cmp.Compare(a.ShopID, b.ShopID), strings.Compare(a.StoreSKU, b.StoreSKU))
}

func (f *fixture) requireListsAsSQLSays(t *testing.T) {
	since := now.Add(-59 * time.Minute)
	for _, c := range append(filters, []filterCase{
		{"Skipped", pushrecords.Filter{Statuses: []schemas.Status{schemas.Skipped}}, "last_push_status = 'Skipped'", ""},
		{"Pending", pushrecords.Filter{Statuses: []schemas.Status{schemas.Pending}}, "last_push_status = 'Pending'", ""},
		{"Successfully or Skipped", pushrecords.Filter{Statuses: []schemas.Status{schemas.Successfully, schemas.Skipped}}, "last_push_status IN ('Successfully', 'Skipped')", ""},
		{"merchant SKU and status", pushrecords.Filter{MerchantSKUs: []string{"M-0", "M-3"}, Statuses: []schemas.Status{schemas.Failed}},
			"merchant_sku IN ('M-0', 'M-3') AND last_push_status = 'Failed'", ""},
		{"a minute", pushrecords.Filter{Since: since, Until: since.Add(time.Minute)}, fmt.Sprintf("toUnixTimestamp64Milli(last_triggered_at) = %d", since.UnixMilli()), ""},
		{"Pending with a failure", pushrecords.Filter{Statuses: []schemas.Status{schemas.Pending}, FailureCodes: schemas.FailureCodes()[:3]}, "0", ""},
		{"still failing, but Successfully", pushrecords.Filter{StillFailing: true, Statuses: []schemas.Status{schemas.Successfully}}, "0", ""},
	}...) {
		t.Run(c.name, func(t *testing.T) {
			var want []pushrecords.StoreSKU
			require.NoError(t, f.store.Conn().Select(t.Context(), &want, "SELECT * REPLACE (toInt64(attempts) AS attempts,"+
				" ifNull(last_answer_code, '') AS last_answer_code, ifNull(last_answer, '') AS last_answer) FROM d.store_sku_push_status WHERE "+sinceSQL.Replace(c.status)))
			slices.SortFunc(want, byKey)
			require.Equal(t, want, allPages(t, f.reader.StoreSKUs, c.filter, pushrecords.Page{Limit: pageOfMany}))
			slices.SortStableFunc(want, func(a, b pushrecords.StoreSKU) int { return strings.Compare(a.MerchantSKU, b.MerchantSKU) })
			require.Equal(t, want, allPages(t, f.reader.MerchantSKUs, c.filter, pushrecords.Page{Limit: pageOfMany}))
			slices.SortFunc(want, func(a, b pushrecords.StoreSKU) int {
				return cmp.Or(b.LastTriggeredAt.Compare(a.LastTriggeredAt), byKey(a, b))
			})
			require.Equal(t, want, allPages(t, f.reader.StoreSKUs, c.filter, pushrecords.Page{Limit: pageOfMany, Order: pushrecords.NewestFirst}))
		})
	}
}
