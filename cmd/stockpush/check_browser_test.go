package main

import (
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/schemas"
)

// A page says what Shopee shows now, beside what it should, and needs no script for it.
func TestBrowserChecksShopeeNow(t *testing.T) {
	b := newBrowser(t, phone)
	s := newSystem(t, func(c *config.Config) { c.Console.ShopNames = config.NamesFromShopee })
	eventually(s, "Shop 10001", "SELECT max(shop_name) FROM {db}.shop_push_status WHERE shop_id = 10001")
	s.send(push("CAP-BLACK", 7003, 1, 40, schemas.SyncOrder))
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	history := s.console + "/history?" + url.Values{"shop_id": {"10001"}, "store_sku": {"CAP-BLACK"}}.Encode()
	b.open(history)
	b.sees("Shop 10001 (10001)")
	require.NoError(t, s.sandbox.SetStock(sandbox.StockChange{ShopID: pageShop, ItemID: 7003, ModelID: 1, Stock: 43}))
	b.press("Check Shopee now")
	b.sees("Shopee shows 3 more than it should")
	b.fits()
	b.named()
	b.shoot("check", phone)
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, s.sandbox.SetStock(sandbox.StockChange{ShopID: pageShop, ItemID: 7003, ModelID: 1, Stock: 40}))
	b.press("Check Shopee now")
	b.sees("Shopee shows what it should.")
}
