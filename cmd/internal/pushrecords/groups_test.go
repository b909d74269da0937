package pushrecords_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// The groups sum up what SQL says of their store SKUs; those without a merchant SKU are the last.
func TestMerchantGroupsSumUpTheirStoreSKUs(t *testing.T) {
	f := newFixture(t)
	f.scatter()
	for _, status := range [][]schemas.Status{nil, {schemas.Failed}} {
		where := "1"
		if status != nil {
			where = "last_push_status = 'Failed'"
		}
		want := f.strings("SELECT concat(merchant_sku, ' ', toString(uniqExact(shop_id)), ' ', toString(count()), ' ', toString(min(last_push_qty)), ' ', toString(max(last_push_qty)), ' ', " +
			"toString(countIf(last_push_status = 'Failed')), ' ', toString(countIf(last_push_status = 'Pending'))) FROM d.merchant_sku_push_status WHERE " + where + " GROUP BY merchant_sku")
		var got, names []string
		for p := (pushrecords.Page{Limit: 2}); ; {
			list, err := f.reader.MerchantGroups(t.Context(), pushrecords.Filter{Statuses: status}, p)
			require.NoError(t, err)
			for _, m := range list.Items {
				names = append(names, m.MerchantSKU)
				got = append(got, fmt.Sprint(m.MerchantSKU, " ", m.Shops, " ", m.StoreSKUs, " ", m.Min, " ", m.Max, " ", m.Failing, " ", m.Pending))
			}
			if p.Cursor = list.NextCursor; p.Cursor == "" {
				break
			}
		}
		require.ElementsMatch(t, want, got)
		require.IsIncreasing(t, names)
	}
	none := record(10009, "alone", 1, schemas.Successfully)
	none.MerchantSKU = ""
	f.insert(none)
	list, err := f.reader.MerchantGroups(t.Context(), pushrecords.Filter{}, pushrecords.Page{})
	require.NoError(t, err)
	require.Empty(t, list.Items[len(list.Items)-1].MerchantSKU)
	require.NotEmpty(t, list.Items[0].MerchantSKU)
}

func TestRePushesAreListedByBatch(t *testing.T) {
	f := newFixture(t)
	var records []schemas.Record
	for i, by := range []string{"ann", "Nguyễn"} {
		batch := uuid.Must(uuid.NewV7()).String()
		for n := range int64(3) {
			failed := record(10001+int64(i), fmt.Sprintf("sku/%d", n), 1, schemas.Failed)
			again := record(10001+int64(i), fmt.Sprintf("sku/%d", n), 2, schemas.Status(2+n))
			again.EventID, again.Reason, again.RetryOf, again.RepeatsOffset, again.RequestedBy = fmt.Sprint(batch, "-", n+1), schemas.PushNow, failed.EventID, 1, by
			pending := again
			pending.Status, pending.FailureCode, pending.FailureReason = schemas.Pending, "", ""
			records = append(records, failed, pending, again)
		}
	}
	f.insert(records...)
	ask := func(q pushrecords.RePushFilter) []pushrecords.RePush {
		found, err := f.reader.RePushes(t.Context(), q)
		require.NoError(t, err)
		return found
	}
	found := ask(pushrecords.RePushFilter{Filter: pushrecords.Filter{Since: now.Add(-24 * time.Hour)}})
	require.Len(t, found, 2)
	require.Equal(t, "ann", found[0].RequestedBy, "the newest is the first: each shop is an hour older")
	require.Equal(t, []uint64{3, 1, 1, 1, 1, 0}, []uint64{found[0].StoreSKUs, found[0].Shops, found[0].Successfully, found[0].Failed, found[0].Skipped, found[0].Pending})
	require.Equal(t, []string{string(schemas.FailureCodes()[1])}, found[0].Causes)
	require.Len(t, ask(pushrecords.RePushFilter{RequestedBy: "NGUYỄN"}), 1)
	require.Len(t, ask(pushrecords.RePushFilter{Filter: pushrecords.Filter{Shops: []int64{10001}}}), 1)
	require.Empty(t, ask(pushrecords.RePushFilter{Filter: pushrecords.Filter{Since: now}}))
}
