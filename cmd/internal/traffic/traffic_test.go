package traffic

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func TestTrafficIsRepeatableAndUsesEveryReason(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	shape := Shape{SKUs: 50, Shops: 3, Seed: 7}
	one, two := New(shape), New(shape)
	used := map[schemas.Reason]bool{}
	ids := map[string]bool{}
	for range 200 {
		event := one.Next(now)
		require.Equal(t, event, two.Next(now))
		require.GreaterOrEqual(t, event.PushQty(), int64(0))
		require.InDelta(t, FirstShopID+1, event.Key.ShopID, 1)
		used[event.Reason], ids[event.EventID] = true, true
	}
	require.Len(t, used, len(schemas.Reasons()))
	require.Len(t, ids, 200)
}

func TestBurstIsOfOneStoreSKU(t *testing.T) {
	events := New(Shape{SKUs: 10, Shops: 2, Seed: 1}).Burst(100, time.Now())
	require.Len(t, events, 100)
	for _, event := range events {
		require.Equal(t, events[0].Key, event.Key)
	}
}

func TestModelBelongsToOneStoreSKU(t *testing.T) {
	g := New(Shape{SKUs: 120, Shops: 4, Seed: 1})
	owner := map[[3]int64]string{}
	for range 5000 {
		e := g.Next(time.Now())
		model := [3]int64{e.Key.ShopID, e.ItemID, e.ModelID}
		if known, ok := owner[model]; ok {
			require.Equal(t, known, e.Key.StoreSKU)
		}
		owner[model] = e.Key.StoreSKU
	}
}
