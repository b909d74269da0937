package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

// consentAgain gives a seller's consent through `stockpush authorize`.
func (s *surroundings) consentAgain(shop string) {
	code, link, errs := s.stockpush("authorize", "--redirect", "https://seller.example/back")
	require.Equal(s.TB, 0, code, errs)
	code, _, errs = s.stockpush("authorize", "--code", s.consent(link, shop).Get("code"), "--shop-id", shop)
	require.Equal(s.TB, 0, code, errs)
}

// Failures because of a lost authorization need only a new consent: no command, and no process that
// remembers them.
func TestE2EConsentRePushesFailuresOfALostAuthorization(t *testing.T) {
	const shop, skus = 10001, 60
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			s := newSurroundings(t)
			s.setUp()
			p := s.Serve()
			view := s.system()
			require.NoError(t, s.Sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "unlink"}))
			for i := range skus {
				e := event(shop, fmt.Sprintf("sku-%02d", i), 5+i)
				e.ItemID, e.ModelID = int64(1+i/20), int64(1+i%20)
				view.send(e)
			}
			eventually(view, uint64(skus), "SELECT count() FROM {db}.failed_push_records WHERE failure_code = 'authorization_lost'")
			if restart {
				p.Kill()
			}
			s.consentAgain("10001")
			if restart {
				p = s.Serve()
			}
			eventually(view, uint64(skus), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
			require.Zero(t, one[uint64](view, "SELECT count() FROM {db}.failed_push_records"))
			shown := s.Sandbox.Stock(shop)
			for i := range int64(skus) {
				require.Contains(t, shown, sandbox.Stock{ItemID: 1 + i/20, ModelID: 1 + i%20, Stock: 5 + i})
			}
			repeats := " FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND retry_of = ''"
			require.Equal(t, uint64(skus), one[uint64](view, "SELECT uniq(store_sku)"+repeats+" AND status = 'Successfully'"))
			require.Equal(t, uint64(skus), one[uint64](view, "SELECT count()"+repeats), "once each")
			require.Equal(t, uint64(skus), one[uint64](view, "SELECT count()"+repeats+
				" AND (store_sku, repeats_offset) IN (SELECT store_sku, event_offset FROM {db}.push_record_history WHERE status = 'Failed')"))
			p.Terminate()
		})
	}
}
