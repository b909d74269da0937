package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/schemas"
)

// evilSKU is a store SKU that a page must show but not run.
const evilSKU = `<script>alert("sku")</script>`

// lockedItem, reservedItem and goneItem are items whose pushes fail, each in its own way.
const (
	lockedItem   = 9001
	reservedItem = 9002
	goneItem     = 9003
	pageShop     = 10001
)

var (
	shirts  = []string{"TSHIRT-RED-S", "TSHIRT-RED-M", "TSHIRT-RED-L", "TSHIRT-RED-XL", "TSHIRT-NAVY-M", "TSHIRT-NAVY-L"}
	shoes   = []string{"SNEAKER-WHITE-38", "SNEAKER-WHITE-39", "SNEAKER-WHITE-40"}
	mugs    = []string{"MUG-OLIVE-350", "MUG-SAND-350"}
	healthy = []string{
		"TOTE-CANVAS-NAT", "SOCKS-WOOL-39/42", "SOCKS-WOOL-43/46", "CAP-BLACK", "CAP-OLIVE", "SCARF-MERINO-GREY", "BELT-BROWN-85", "BELT-BROWN-95",
		"HOODIE-GREY-M", "HOODIE-GREY-L", "HOODIE-BLACK-L", "WALLET-COGNAC", "BOTTLE-STEEL-750", "NOTEBOOK-A5-DOT", evilSKU,
	}
)

// push returns an event of one of the shop's store SKUs.
func push(sku string, item, model, available int, reason schemas.Reason) schemas.Event {
	e := event(pageShop, sku, available)
	e.EventID = strings.ToLower(reason.Slug()) + "-" + fmt.Sprint(time.Now().UnixNano())
	e.MerchantSKU, _, _ = strings.Cut(sku, "-")
	e.ItemID, e.ModelID, e.Available, e.Reason = int64(item), int64(model), int64(available), reason
	return e
}

// fillShop fills a shop with a typical day: most pushes succeed, some failed overnight, and
// yesterday's records are in ClickHouse.
func (s *system) fillShop() {
	s.seedYesterday()
	s.breakItems(true)
	require.NoError(s.t, s.sandbox.Describe(sandbox.Item{ShopID: pageShop, ItemID: goneItem, Models: []sandbox.Model{{ModelID: 99}}}))
	reasons := schemas.Reasons()
	for i, sku := range healthy {
		e := push(sku, 7000+i, 1, 12+7*i, reasons[i%len(reasons)])
		e.PromotionReserved = int64(i % 4)
		s.send(e)
	}
	for i, sku := range shirts {
		s.send(push(sku, lockedItem, i+1, 20+i, schemas.SyncOrder))
	}
	for i, sku := range shoes {
		e := push(sku, reservedItem, i+1, 4+i, schemas.StockOutSale)
		e.PromotionReserved = 2
		s.send(e)
	}
	for i, sku := range mugs {
		s.send(push(sku, goneItem, i+1, 60, schemas.StockInPurchase))
	}
	s.sendRaw([]byte("shopee/10001/CAP-BLACK"), []byte(`{"event_id": "wms-5521", "reason": "sold_out", "shop_id": 10001}`))
	s.sendRaw([]byte("shopee/10001/CAP-OLIVE"), []byte(`{"event_id": "wms-5522", "reason": "stock_count", "note": "<img src=x onerror=alert(1)>"`))
	require.NoError(s.t, s.producer.Flush(s.t.Context()))
	eventually(s, uint64(len(shirts)+len(shoes)+len(mugs)), "SELECT count() FROM {db}.failed_push_records")
	eventually(s, uint64(len(healthy)), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND shop_id = 10001")
	eventually(s, uint64(2), "SELECT count() FROM {db}.rejected_events")
}

// breakItems locks and reserves stock, or undoes both.
func (s *system) breakItems(broken bool) {
	locked, reserved := sandbox.Item{ShopID: pageShop, ItemID: lockedItem}, sandbox.Item{ShopID: pageShop, ItemID: reservedItem}
	for m := range int64(len(shirts)) {
		locked.Models = append(locked.Models, sandbox.Model{ModelID: m + 1, Stock: 5, Locked: broken})
	}
	for m := range int64(len(shoes)) {
		model := sandbox.Model{ModelID: m + 1, Stock: 500}
		if broken {
			model.Reserved = 500
		}
		reserved.Models = append(reserved.Models, model)
	}
	s.describe(locked)
	s.describe(reserved)
}

// seedYesterday inserts a day's records: more by day than by night, with hours in which Shopee was
// slow. Each failure has a newer success.
func (s *system) seedYesterday() {
	s.t.Helper()
	const rows = 6000
	err := s.store.Conn().Exec(s.t.Context(), strings.ReplaceAll(`
		INSERT INTO {db}.push_records (channel, shop_id, store_sku, merchant_sku, item_id, model_id, event_id, reason, status, available, push_qty, after_qty,
			failure_code, superseded_by, superseded_by_offset, attempts, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at, version)
		WITH 30 + 60 * intDiv(number * 1436, `+fmt.Sprint(rows)+`) + number % 60 AS age, intDiv(age, 3600) AS hour,
			number % 10 < 6 AS skipped, NOT skipped AND number >= 400 AND number % 97 = 0 AS failed, toUInt8(if(skipped, 2, if(failed, 3, 4))) AS rank
		SELECT 'shopee', 10002 + number % 2, concat('LAMP-', toString(number % 400)), 'LAMP', 1, 1, concat('old-', toString(number)),
			CAST(1 + number % 17, 'Int8'), CAST(rank, 'Int8'), 10, 10, if(rank = 4, 10, NULL),
			if(failed, 'timed_out', ''), if(skipped, 'newer', ''), if(skipped, 1, NULL), toUInt16(NOT skipped), 1, 0, -number - 1,
			now64(3) - age - 3600, now64(3) - age - 3600, now64(3) - age - 3600,
			now64(3) - age - 3600 + toIntervalMillisecond(1050 + number % 900 + if(hour BETWEEN 9 AND 11, 2500 + number % 4000, 0)), rank
		FROM numbers(`+fmt.Sprint(rows)+`) WHERE sipHash64(number) % 100 < 55 + 40 * cos(hour / 3.8)`, "{db}", "`"+s.cfg.ClickHouse.Database+"`"))
	require.NoError(s.t, err)
}
