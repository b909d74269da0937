package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/audit"
	"stockpush/cmd/internal/config"
)

// A system in shadow mode never changes stock on Shopee, and when it goes live it pushes what it
// only seemed to have pushed.
func TestE2EShadowChangesNothingUntilTheModeIsLive(t *testing.T) {
	t.Parallel()
	const shop, skus = 10001, 20
	s := newSystem(t, func(c *config.Config) { c.Shopee.Mode = "shadow" })
	for sku := range skus {
		e, stock := spread(shop, sku, 3), int64(9)
		if sku == 1 {
			stock = 3 // what will be pushed
		}
		require.NoError(t, s.sandbox.SetStock(sandbox.StockChange{ShopID: shop, ItemID: e.ItemID, ModelID: e.ModelID, Stock: stock}))
	}
	for sku := range skus {
		s.send(spread(shop, sku, 3))
	}
	eventually(s, uint64(skus), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND request_id = 'shadow' AND after_qty IS NULL")
	s.send(spread(shop, 2, 4))
	eventually(s, uint64(skus+1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND before_qty IS NULL AND after_qty IS NULL")

	drifts := found(s.audit("--shopee.mode", "shadow"))
	require.Len(t, drifts, skus-1, "all but the one that shows what would have been pushed")
	require.Equal(t, audit.Above, drifts["sku-0"])
	require.NotContains(t, drifts, "sku-1")
	code, _, errs := s.auditCommand("--shopee.mode", "shadow", "--fix")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "shadow mode")
	require.Contains(t, s.page(), "Shadow mode")
	require.Empty(t, s.sandbox.Calls(shop), "stock was changed")

	s.stop()
	s.cfg.Shopee.Mode = "live"
	s.start()
	require.NotContains(t, s.page(), "Shadow mode")
	eventually(s, uint64(skus), "SELECT countIf(last_push_status = 'Successfully' AND last_reason = 'Refresh Inventory' AND pending = 0) FROM {db}.store_sku_push_status")
	for _, stock := range s.sandbox.Stock(shop) {
		want := int64(3)
		if stock.ModelID == 3 {
			want = 4
		}
		require.Equal(t, want, stock.Stock, "model %d", stock.ModelID)
	}
	require.Equal(t, uint64(skus), one[uint64](s, "SELECT count() FROM {db}.push_record_history WHERE after_qty = push_qty AND before_qty IS NULL"))
	require.Empty(t, s.audit().Drifts)

	calls := len(s.sandbox.Calls(shop))
	s.stop()
	s.start()
	s.send(spread(shop, 0, 8))
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND after_qty = 8 AND before_qty = 3")
	require.Len(t, s.sandbox.Calls(shop), calls+1, "the others were pushed already")
}

// page returns the console's first page.
func (s *system) page() string {
	s.t.Helper()
	answer, err := http.Get(s.console)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return string(body)
}
