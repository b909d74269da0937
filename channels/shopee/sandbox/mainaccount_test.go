package sandbox_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

// One pair is of all shops of a main account; its refresh token works once for each.
func TestAMainAccountsRefreshTokenWorksOnceForEachShop(t *testing.T) {
	c := newCaller(t, sandbox.Config{Shops: 2})
	exchange := func(account int64) reply {
		return c.call(http.MethodPost, "/api/v2/auth/token/get", url.Values{}, map[string]any{"code": "c", "partner_id": sandbox.DefaultPartnerID, "main_account_id": account})
	}
	first := exchange(7)
	require.Empty(t, first.code())
	require.Equal(t, []any{10001.0, 10002.0}, first.body["shop_id_list"])
	for _, account := range []int64{7, 8} {
		require.Equal(t, "error_auth", exchange(account).code(), "a code is good for one use")
	}
	refresh := func(shop int64) string {
		return c.call(http.MethodPost, "/api/v2/auth/access_token/get", url.Values{}, map[string]any{
			"refresh_token": first.body["refresh_token"], "partner_id": sandbox.DefaultPartnerID, "shop_id": shop,
		}).code()
	}
	c.access = first.body["access_token"].(string)
	require.Empty(t, c.update(7, 5).code(), "the access token is of every shop")
	for _, shop := range []int64{10001, 10002} {
		require.Empty(t, refresh(shop))
		require.Equal(t, "error_auth", refresh(shop))
	}
}
