package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// These tests do what an operator does, in a real Chromium against the whole system. `make browser`
// runs them.

func TestBrowserFindFailureAndRePush(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	b.open(s.console)
	b.sees("11 still failing")
	s.send(push("HOODIE-GREY-M", 7008, 1, 66, schemas.StockOutSale), push("CAP-OLIVE", 7004, 1, 39, schemas.SyncOrder),
		push("SNEAKER-WHITE-39", reservedItem, 2, 3, schemas.SyncOrder))
	b.sees("66 + 0")
	b.sees("3 + 0")
	b.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "SNEAKER-WHITE-38 ")]`)), chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "MUG-SAND-350 ")]`)))
	b.sees("2 selected")
	b.run(chromedp.Evaluate[chromedp.Void]("window.scrollTo(0, 0)"))
	b.shoot("list", desktop)
	b.press("6") // "6 Promotion locked" is the button's text
	b.sees("failure: Promotion locked")
	require.Contains(t, b.text(), schemas.PromotionLocked.Hint())
	require.NotContains(t, b.text(), "SNEAKER")
	b.shoot("failing", desktop)

	b.run(chromedp.Click(chromedp.CSS("#all-rows")))
	b.sees("6 selected")
	s.send(push("CAP-NEW", 7100, 1, 5, schemas.StockCount), push("TSHIRT-RED-S", lockedItem, 1, 77, schemas.SyncOrder))
	b.sees("77 + 0")
	require.Equal(t, 6, eval[int](b, "document.querySelectorAll('[name=key]:checked').length"), "what is new keeps the selection")

	s.breakItems(false)
	b.press("All matches (6)")
	b.sees("6 events will be published")
	b.sees("1 with a newer failure of the same store SKU")
	b.shoot("preview", desktop)
	b.press("Re-push 6 now")
	b.sees("All 6 are finished")
	require.NotContains(t, b.text(), "once ClickHouse shows them")
	b.shoot("progress", desktop)
	require.Equal(t, 6, strings.Count(b.text(), "Successfully")-1, b.text())
	eventually(s, uint64(6), "SELECT count() FROM {db}.failed_push_records")

	b.press("TSHIRT-RED-S")
	b.sees("Re-push of")
	b.shoot("history", desktop)
	require.Contains(t, s.sandbox.Stock(pageShop), sandbox.Stock{ItemID: lockedItem, ModelID: 1, Stock: 77})
	b.open(s.console)
	b.sees("5 still failing")
	s.send(push("CAP-LIVE", 7101, 1, 5, schemas.StockCount))
	b.sees("CAP-LIVE")
}

func TestBrowserSelectionSurvivesItsRow(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	b.open(s.console + "?failure_code=promotion_locked&failure_code=model_not_found&still_failing=true")
	b.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "TSHIRT-RED-M ")]`)), chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "MUG-SAND-350 ")]`)))
	b.sees("2 selected")
	s.describe(sandbox.Item{ShopID: pageShop, ItemID: goneItem, Models: []sandbox.Model{{ModelID: 1}, {ModelID: 2}}})
	for i, sku := range mugs {
		s.send(push(sku, goneItem, i+1, 61, schemas.StockCount))
	}
	b.run(chromedp.WaitReady(chromedp.CSS(".gone ~ .gone")))
	require.ElementsMatch(t, mugs, eval[[]string](b, "[...document.querySelectorAll('.gone .sku')].map(e => e.innerText)"))
	b.press("Re-push 2 selected")
	b.sees("1 event will be published")
	b.sees("1 not failing")
}

func TestBrowserEveryPageIsReadable(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	for i := range 30 {
		e := push("CAP-BLACK", 7003, 1, 40-i, schemas.SyncOrder)
		s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	eventually(s, uint64(31), "SELECT count() FROM {db}.push_record_history WHERE store_sku = 'CAP-BLACK' AND status != 'Pending'")
	history := func(sku string) string {
		return "/history?" + url.Values{"shop_id": {"10001"}, "store_sku": {sku}}.Encode()
	}
	for _, p := range []struct{ name, path, says string }{
		{"list", "", "11 still failing"},
		{"filtered", "?status=Failed&since=24h&shop_id=10001&still_failing=true", "still failing"},
		{"merchant", "/merchant-skus?shop_id=10001", "TSHIRT"},
		{"history", history("SNEAKER-WHITE-38"), "What to do"},
		{"timeline", history("CAP-BLACK"), "records, newest first"},
		{"evil", history(evilSKU), evilSKU},
		{"rejected", "/rejected", "sold_out"},
		{"overview", "/overview", "Time from trigger to push"},
		{"bad-filter", "/overview?since=yesterday", "neither a time"},
	} {
		t.Run(p.name, func(t *testing.T) {
			b.t = t
			for _, at := range []screen{desktop, phone} {
				b.resize(at)
				if p.name == "bad-filter" {
					b.run(chromedp.Navigate(s.console + p.path))
					b.mu.Lock()
					b.problem = nil // Chromium reports status 400 as an error
					b.mu.Unlock()
				} else {
					b.open(s.console + p.path)
				}
				b.sees(p.says)
				b.fits()
				b.named()
				b.shoot("page-"+p.name, at)
				require.Less(t, eval[int](b, "performance.getEntriesByType('navigation')[0].encodedBodySize"), 200_000)
				require.Equal(t, "none", eval[string](b, "getComputedStyle(document.querySelector('svg.hidden')).clipPath === 'none' ? 'shown' : 'none'"))
			}
		})
	}
	b.t = t
}

func TestBrowserWithoutJavaScript(t *testing.T) {
	b := newBrowser(t, phone)
	s := newSystem(t, nil)
	s.fillShop()
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(s.console + "?still_failing=true&failure_code=below_promotion_reserve")
	b.sees("SNEAKER-WHITE-38")
	require.Contains(t, b.text(), schemas.BelowPromotionReserve.Hint())
	b.fits()
	b.shoot("no-script", phone)
	s.breakItems(false)
	b.press("All matches (3)")
	b.sees("3 events will be published")
	b.press("Re-push 3 now")
	b.sees("All 3 are finished") // the page reloads itself
	eventually(s, uint64(len(shirts)+len(mugs)), "SELECT count() FROM {db}.failed_push_records")
	b.open(s.console + "?still_failing=true")
	b.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, 'TSHIRT-RED-L ')]`)))
	b.press("Re-push selected")
	b.sees("1 event will be published")
	b.press("Re-push 1 now")
	b.sees("All 1 are finished")
	require.Contains(t, b.text(), "TSHIRT-RED-L")
}

// Any row can be pushed now, whatever its status: with the script, which counts, and without it.
func TestBrowserPushesSelectedRowsNow(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	choose := func(sku string) {
		b.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "` + sku + ` ")]`)))
	}
	b.open(s.console)
	choose("CAP-BLACK")
	b.sees("Push now (1)")
	require.True(t, eval[bool](b, "document.getElementById('push-selected').disabled"), "nothing of the selection fails")
	choose("TSHIRT-RED-M")
	b.sees("Re-push 1 selected")
	b.press("Push now (2)")
	b.sees("All 2 are finished")
	require.Contains(t, b.text(), "CAP-BLACK")
	require.Contains(t, b.text(), "TSHIRT-RED-M")
	eventually(s, uint64(2), "SELECT count() FROM {db}.push_record_history WHERE shop_id = 10001 AND reason = 'Click Push Now/ Push Manually' AND status IN ('Successfully', 'Failed')")

	b.open(s.console + "?q=cap") // by keyboard
	b.tabTo("Select CAP-OLIVE of")
	b.run(chromedp.KeyEvent(" "))
	b.sees("1 selected")
	b.tabTo("Push now (1)") // around the end of the page
	b.run(chromedp.KeyEvent(kb.Enter))
	b.sees("All 1 are finished")

	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.resize(phone)
	b.open(s.console + "?q=hoodie")
	b.press("Push now")
	b.sees("No row was selected")
	b.open(s.console + "?q=hoodie")
	choose("HOODIE-GREY-M")
	choose("HOODIE-GREY-L")
	b.press("Push now")
	b.sees("All 2 are finished")
	b.open(s.console + "?q=hoodie")
	choose("HOODIE-GREY-M")
	b.fits()
}

func TestBrowserKeyboardOnly(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	b.open(s.console)
	b.sees("11 still failing")
	b.tabTo("Skip to the content")
	b.tabTo("Promotion locked")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.sees("failure: Promotion locked")
	b.tabTo("Select TSHIRT-RED-L of")
	b.run(chromedp.KeyEvent(" "))
	b.sees("1 selected")
	s.breakItems(false)
	b.run(chromedp.KeyEvent(kb.Enter)) // submits the form with its first button
	b.sees("1 event will be published")
	b.tabTo("Re-push 1 now")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.sees("All 1 are finished")
	require.Contains(t, b.text(), "TSHIRT-RED-L")
}

func TestBrowserSearchAndLanguageAndRowsThatStay(t *testing.T) {
	b := newBrowser(t, desktop)
	s := newSystem(t, nil)
	s.fillShop()
	b.open(s.console + "?q=sneaker")
	b.sees("SNEAKER-WHITE-38")
	require.NotContains(t, b.text(), "TSHIRT")
	b.open(s.console + "?q=SNAEKER-WHITE")
	b.sees("No SKU contains “SNAEKER-WHITE”")
	b.sees("SNEAKER-WHITE-38")
	require.NotContains(t, b.text(), "Nothing is failing")
	b.open(s.console + "/language?to=vi&back=/push-records")
	b.sees("11 vẫn đang lỗi")
	require.Equal(t, "vi", eval[string](b, "document.documentElement.lang"))
	b.shoot("vietnamese", desktop)
	b.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "SNEAKER-WHITE-38 ")]`)))
	s.send(push("CAP-NEW", 7100, 1, 5, schemas.StockCount))
	b.sees("1 mới")
	require.NotContains(t, b.text(), "CAP-NEW", "the rows stay while some are selected")
	b.run(chromedp.Click(chromedp.CSS("#show-new")))
	b.sees("CAP-NEW")
	require.Equal(t, 1, eval[int](b, "document.querySelectorAll('[name=key]:checked').length"))
}
