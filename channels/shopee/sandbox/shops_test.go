package sandbox_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

func (c *caller) state(v sandbox.ShopState) {
	v.ShopID = shopID
	require.NoError(c.t, c.sandbox.SetShop(v))
}

func TestHolidaysBlockStockWhenFull(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	const path = "/api/v2/shop/get_shop_holiday_mode"
	for _, row := range []struct {
		holiday, code string
		on            bool
		kind          float64
	}{
		{"", "", false, 1},
		{"partial", "", true, 1},
		{"full", "error_holiday_mode_change_stock", true, 0},
		{"switching", "error_auth", false, 1},
		{"off", "", false, 1},
	} {
		c.state(sandbox.ShopState{Holiday: row.holiday})
		require.Equal(t, row.code, c.update(1, 5).code(), row.holiday)
		require.Equal(t, map[string]any{"holiday_mode_on": row.on, "holiday_mode_type": row.kind}, c.call(http.MethodGet, path, c.shopParameters(nil), nil).body["response"], row.holiday)
	}
	require.ErrorContains(t, c.sandbox.SetShop(sandbox.ShopState{ShopID: shopID, Holiday: "long"}), "long")
	require.ErrorContains(t, c.sandbox.SetShop(sandbox.ShopState{ShopID: 1}), "no shop 1")
}

func TestABannedShopIsRefused(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	c.state(sandbox.ShopState{Banned: true})
	require.Equal(t, "shop_banned", c.update(1, 5).code())
	c.state(sandbox.ShopState{})
	require.Empty(t, c.update(1, 5).code())
}

func TestAShopWithWarehousesWantsALocation(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	const path = "/api/v2/shop/get_warehouse_detail"
	at := func(location string) string {
		line := map[string]any{"model_id": 1, "seller_stock": []any{map[string]any{"location_id": location, "stock": 4}}}
		body := map[string]any{"item_id": 500, "stock_list": []any{line}}
		return c.shop(http.MethodPost, "update_stock", nil, body).code()
	}
	require.Equal(t, "warehouse.error_not_in_whitelist", c.call(http.MethodGet, path, c.shopParameters(nil), nil).code())
	require.Empty(t, at("SG1"))
	c.state(sandbox.ShopState{Warehouses: []string{"SG1", "SG2"}})
	require.Equal(t, []string{"error_busi", "", "", "error_auth"}, []string{at(""), at("SG1"), at("SG2"), at("SG3")})
	rows := c.call(http.MethodGet, path, c.shopParameters(nil), nil).body["response"].([]any)
	require.Len(t, rows, 2)
	require.Equal(t, "SG2", rows[1].(map[string]any)["location_id"])
}

func TestPromotionsTellTheReserveInBothPlaces(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.Describe(sandbox.Item{ShopID: shopID, ItemID: 7, Models: []sandbox.Model{{ModelID: 1}, {ModelID: 2, Reserved: 9}, {ModelID: 3, Locked: true}}}))
	const path = "get_item_promotion"
	for _, list := range []url.Values{{"item_id_list": {"7", "8"}}, {"item_id_list": {"7,8"}}} {
		found := c.shop(http.MethodGet, path, list, nil).body["response"].(map[string]any)["success_list"].([]any)
		require.Len(t, found, 2)
		require.Empty(t, found[1].(map[string]any)["promotion"])
		promotions := found[0].(map[string]any)["promotion"].([]any)
		require.Len(t, promotions, 2)
		info := promotions[0].(map[string]any)["promotion_stock_info_v2"].(map[string]any)
		require.EqualValues(t, 9, info["total_reserved_stock"])
		require.EqualValues(t, 9, info["summary_info"].(map[string]any)["total_reserved_stock"])
	}
	require.Equal(t, "error_param", c.shop(http.MethodGet, path, nil, nil).code())
}
