package shopee_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/shopee/sandbox"
	"stockpush/schemas"
)

func TestTheShopeeClientConforms(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Marketplace {
		return marketplace{newMarket(t, sandbox.Switches{})}
	})
}

func TestShopNameIsTheOneThatShopeeHas(t *testing.T) {
	m := newMarket(t, sandbox.Switches{})
	name, v := m.client.ShopName(t.Context(), shopID)
	require.Equal(t, channels.Confirmed, v.Outcome)
	require.Equal(t, fmt.Sprintf("Shop %d", shopID), name)
	_, v = m.client.ShopName(t.Context(), shopID+1000)
	require.Equal(t, schemas.AuthorizationLost, v.Code)
}

// marketplace gives the suite its hands on the sandbox.
type marketplace struct{ *market }

func (m marketplace) Channel() channels.Channel { return m.client }
func (m marketplace) Shop() int64               { return shopID }
func (m marketplace) Stranger() int64           { return shopID + 1000 }

func (m marketplace) Next(trouble channeltest.Trouble) {
	require.NoError(m.t, m.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: string(trouble), Times: 1}))
}

func (m marketplace) Shows(itemID, modelID int64) int64 {
	for _, s := range m.sandbox.Stock(shopID) {
		if s.ItemID == itemID && s.ModelID == modelID {
			return s.Stock
		}
	}
	return 0
}
