package shopee_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/sandbox"
)

const mainAccountID = 700001

func (m *market) pushes(shop int64) {
	m.t.Helper()
	a := m.client.Push(m.t.Context(), channels.Call{ShopID: shop, ItemID: 1, Lines: []channels.Line{{ModelID: 1, Qty: 5}}})
	require.Equal(m.t, channels.Confirmed, a.Verdicts[0].Outcome, "%+v", a)
}

func TestAMainAccountsConsentIsOfAllItsShops(t *testing.T) {
	m := newMarket(t, sandbox.Switches{})
	shops := []int64{shopID, shopID + 1}
	for _, shop := range shops {
		require.NoError(t, m.sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "unlink"}))
	}
	got, err := m.client.ExchangeMain(t.Context(), "main-code", mainAccountID)
	require.NoError(t, err)
	require.Equal(t, shops, got)
	seen := map[string]bool{}
	for expiry := range 3 {
		for _, shop := range shops {
			m.pushes(shop)
			pair, err := m.store.Read(t.Context()).Of(shop)
			require.NoError(t, err)
			require.False(t, seen[pair.RefreshToken.Reveal()], "each shop has a chain of its own")
			seen[pair.RefreshToken.Reveal()] = true
			require.Len(t, m.sandbox.Refreshes(shop), 1+expiry, "the first token was replaced at once")
		}
		require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
	}
	require.Zero(t, m.sandbox.Stats().RefusedRefreshes)
	_, err = m.client.ExchangeMain(t.Context(), "main-code", mainAccountID)
	require.ErrorContains(t, err, "new consent link")
	require.NotContains(t, err.Error(), "main-code")
}

// A shop that could not be given tokens of its own yet keeps the main account's, which
// it replaces later.
func TestAMainAccountsTokensWorkUntilTheShopHasItsOwn(t *testing.T) {
	m := newMarket(t, sandbox.Switches{})
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: "refresh_outage", Times: 1}))
	_, err := m.client.ExchangeMain(t.Context(), "main-code", mainAccountID)
	require.NoError(t, err)
	require.Empty(t, m.sandbox.Refreshes(shopID))
	require.Len(t, m.sandbox.Refreshes(shopID+1), 1)
	m.pushes(shopID)
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
	for _, shop := range []int64{shopID, shopID + 1} {
		m.pushes(shop)
		pair, err := m.store.Read(t.Context()).Of(shop)
		require.NoError(t, err)
		require.Contains(t, pair.RefreshToken.Reveal(), fmt.Sprint(shop))
	}
	require.Zero(t, m.sandbox.Stats().RefusedRefreshes)
}
