package shopee

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/channels/shopee/sandbox"
	"stockpush/schemas"
)

// What Shopee says of one model, in failure_list, stops no other push: neither of
// the shop nor of the app.
func TestAModelsRefusalHoldsNobody(t *testing.T) {
	for _, reason := range []string{
		"Stock should be within 2-1000000 for model Daily Care Limited Edition",
		"Stock should be within 0-999999 for model Partner Keychain",
		"Stock should be within 0-999999 for model Time Stamp",
		"The total API call number made by your APP has reached the daily API call limit",
		"Too many requests", "Partner and shop has no linked.", "Wrong sign.", "The shop is under penalty.",
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLanes(t, sandbox.Config{Shops: 2}, channeltest.Defaults())
				shop := schemas.Key{ShopID: sandbox.FirstShopID}
				require.NoError(t, l.sandbox.AddFault(sandbox.Fault{ShopID: shop.ShopID, ItemID: 1, Kind: "refuse", Message: reason}))
				l.push(schemas.Event{Key: shop, ItemID: 1, ModelID: 7, Available: 5})
				time.Sleep(500 * time.Millisecond)
				for item := range int64(5) {
					l.push(schemas.Event{Key: shop, ItemID: 2 + item, Available: 5})
				}
				time.Sleep(1200 * time.Millisecond) // 5 calls a second, unless the shop is slowed down
				require.Equal(t, 5, l.count(schemas.Successfully))
				require.NotContains(t, l.logged.String(), "held")
				l.finish()
			})
		})
	}
}
