package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/audit"
	"stockpush/cmd/internal/programtest"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// audited returns an event of one of many store SKUs, 50 models per item.
func audited(i, qty int) schemas.Event {
	e := event(int64(10001+i/2000), fmt.Sprintf("audit-%05d", i), qty)
	e.ItemID, e.ModelID = int64(1000+i/50), int64(i%50+1)
	return e
}

func (s *system) audit(args ...string) audit.Report {
	code, out, errs := s.auditCommand(args...)
	require.Equal(s.t, exitDone, code, errs)
	var report audit.Report
	require.NoError(s.t, json.Unmarshal([]byte(out), &report))
	return report
}

func (s *system) auditCommand(args ...string) (code int, out, errs string) {
	return s.command(append([]string{
		"audit", "--output", "json", "--rate", "400", "--shopee.app_rate", "8000", "--shopee.base_url", s.cfg.Shopee.BaseURL, "--shopee.tokens_file", s.cfg.Shopee.TokensFile,
		"--shopee.partner_id", fmt.Sprint(sandbox.DefaultPartnerID), "--shopee.partner_key", sandbox.DefaultPartnerKey,
	}, args...)...)
}

// plant changes 50 stocks on Shopee: every other one shows too much.
func (s *system) plant(skus int) map[string]audit.Kind {
	planted := map[string]audit.Kind{}
	for n := range 50 {
		e := audited(n*skus/50, 100)
		stock, kind := int64(107), audit.Above
		if n%2 == 1 {
			stock, kind = 93, audit.Below
		}
		require.NoError(s.t, s.sandbox.SetStock(sandbox.StockChange{ShopID: e.Key.ShopID, ItemID: e.ItemID, ModelID: e.ModelID, Stock: stock}))
		planted[e.Key.StoreSKU] = kind
	}
	return planted
}

func found(r audit.Report) map[string]audit.Kind {
	all := map[string]audit.Kind{}
	for _, d := range r.Drifts {
		all[d.StoreSKU] = d.Kind
	}
	return all
}

func TestE2EAuditRepairsDriftUnderLoad(t *testing.T) {
	t.Parallel()
	const skus = 20_000
	s := newSystem(t, nil)
	for i := range skus {
		e := audited(i, 100)
		s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	eventually(s, uint64(skus), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	planted := s.plant(skus)

	stop := make(chan struct{})
	var orders sync.WaitGroup
	orders.Go(func() { // events of other store SKUs, as fast as Kafka accepts them one by one
		for qty := 200; ; qty++ {
			for n := range 50 {
				e := audited(n*skus/50+1, qty)
				s.send(e)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	report := s.audit()
	require.Equal(t, planted, found(report))
	require.Greater(t, report.Checked, skus-100)
	require.Zero(t, report.Unread)
	for _, d := range report.Drifts {
		require.False(t, d.Fixed)
		require.Equal(t, int64(100), d.Expected)
	}
	report = s.audit("--fix")
	require.Equal(t, planted, found(report))
	for _, d := range report.Drifts {
		require.Equal(t, d.Kind == audit.Above, d.Fixed)
	}
	close(stop)
	orders.Wait()
	repaired := "SELECT count() FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND status = 'Successfully' AND repeats_offset IS NOT NULL"
	eventually(s, uint64(25), repaired)
	eventually(s, uint64(0), "SELECT sum(pending) FROM {db}.store_sku_push_status")
	require.Len(t, found(s.audit("--fix=all")), 25)
	eventually(s, uint64(50), repaired)
	require.Empty(t, s.audit("--shop", "10003").Drifts)
	last := s.audit("--after", "10009")
	require.Empty(t, last.Drifts)
	require.Equal(t, int64(10010), last.LastShop)
	require.Equal(t, skus/10, last.Checked)
	require.Empty(t, s.audit().Drifts)
}

func TestE2EAuditFindsALostSuccess(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for i := range 5 {
		s.send(audited(i, 100))
	}
	eventually(s, uint64(5), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	require.Empty(t, s.audit().Drifts)
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{Kind: "no_effect", Times: 1}))
	sold, shared := audited(2, 40), audited(3, 100)
	s.send(sold)
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND after_qty = 40")
	require.Equal(t, map[string]audit.Kind{sold.Key.StoreSKU: audit.Above}, found(s.audit()), "100 are shown of 40")
	const kept = "SELECT groupArray((store_sku, expected, shown, kind, fixed))::String FROM {db}.audit_findings"
	require.Equal(t, "[('"+sold.Key.StoreSKU+"',40,100,'above',false)]", one[string](s, kept))
	require.Contains(t, s.page(), "the last audit found 100 instead of 40")

	// Another store SKU takes over a model: it now determines the model's quantity.
	shared.Key.StoreSKU, shared.Available = "taken-over", 7
	s.send(shared)
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE store_sku = 'taken-over' AND status = 'Successfully'")
	report := s.audit("--fix=all")
	require.Equal(t, map[string]audit.Kind{sold.Key.StoreSKU: audit.Above}, found(report))
	require.Equal(t, 1, report.LeftOut)
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND status = 'Successfully' AND after_qty = 40")
	require.NotContains(t, s.page(), "the last audit found", "a push was confirmed since")
	require.Equal(t, "[('"+sold.Key.StoreSKU+"',40,100,'above',true)]", one[string](s, kept))
	require.Empty(t, s.audit().Drifts)
	require.Equal(t, "[]", one[string](s, kept), "a later audit found none")
	require.Equal(t, int64(7), s.sandbox.Stock(shared.Key.ShopID)[3].Stock)
}

func TestE2EAuditResumesAfterTheDailyQuota(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for shop := range 3 {
		for i := range 100 {
			s.send(audited(2000*shop+i, 100))
		}
	}
	eventually(s, uint64(300), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	first, last := audited(0, 0), audited(4000, 0)
	for _, e := range []schemas.Event{first, last} {
		require.NoError(t, s.sandbox.SetStock(sandbox.StockChange{ShopID: e.Key.ShopID, ItemID: e.ItemID, ModelID: e.ModelID, Stock: 110}))
	}
	file := filepath.Join(t.TempDir(), "audit.json")
	args := []string{"--resume", file, "--fix", "--shopee.app_rate", "700"} // one shop at a time
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: 10002, Kind: "quota", Times: 1}))
	code, out, errs := s.auditCommand(args...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "quota")
	require.Contains(t, errs, "the same command again")
	require.Contains(t, out, first.Key.StoreSKU)
	require.NotContains(t, out, last.Key.StoreSKU)
	code, _, errs = s.auditCommand("--resume", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "other flags")
	report := s.audit(args...)
	require.Equal(t, map[string]audit.Kind{first.Key.StoreSKU: audit.Above, last.Key.StoreSKU: audit.Above}, found(report))
	require.Equal(t, 300, report.Checked)
	require.NoFileExists(t, file, "it is done")
	eventually(s, uint64(2), "SELECT count() FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND status = 'Successfully'")
}

func TestAuditRejectsBadFlags(t *testing.T) {
	for flag, value := range map[string]string{"fix": "some", "output": "xml", "rate": "-1", "shop": "-4"} {
		var errs programtest.Log
		require.Equal(t, exitUsage, run([]string{"audit", "--" + flag + "=" + value}, &errs, &errs))
		require.Contains(t, string(errs.Bytes()), "--"+flag)
	}
}
