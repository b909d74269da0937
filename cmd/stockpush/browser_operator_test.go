package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/console/texts"
	"stockpush/schemas"
)

// outageShop does not answer, pausedShop is stopped by configuration.
const (
	outageShop = 10008
	pausedShop = 10006
)

// visitor is a browser before the system that it shows.
type visitor struct {
	*browser
	s *system
}

// What an operator asks of the page, on one system: with scripts, and without where it can be.
func TestBrowserOperatorsQuestions(t *testing.T) {
	names := filepath.Join(t.TempDir(), "names.csv")
	require.NoError(t, os.WriteFile(names, []byte("10001,Shirts & Co\n10006,Giày Hà Nội\n10008,Toko Sepatu\n"), 0o600))
	o := &visitor{browser: newBrowser(t, desktop)}
	o.s = newSystem(t, func(c *config.Config) {
		c.Console.ShopNames, c.Shopee.PausedShops = names, []int64{pausedShop}
		c.Shopee.Breaker.OpenFor = time.Minute
	})
	require.NoError(t, o.s.sandbox.AddFault(sandbox.Fault{ShopID: outageShop, Kind: "outage"}))
	o.s.send(event(outageShop, "SANDAL-40", 3), event(pausedShop, "BOOT-41", 4))
	o.s.fillShop()
	o.s.send(push("WALLET-COGNAC", 7011, 1, -82, schemas.StockOutSale))
	eventually(o.s, "Successfully 0", "SELECT concat(toString(last_push_status), ' ', toString(last_push_qty)) FROM {db}.store_sku_push_status WHERE store_sku = 'WALLET-COGNAC'")
	eventually(o.s, "breaker_open", "SELECT toString(state) FROM {db}.shop_push_status WHERE shop_id = 10008")
	eventually(o.s, uint64(3), "SELECT countIf(shop_name != '') FROM {db}.shop_push_status")
	eventually(o.s, uint64(1), "SELECT countIf(attempts > 0 AND last_answer != '') FROM {db}.store_sku_push_status WHERE store_sku = 'SANDAL-40'")
	for _, question := range []struct {
		name string
		ask  func(*visitor)
	}{
		{"why is it Pending", (*visitor).whyPending},
		{"what is wrong with the shops", (*visitor).shops},
		{"what does Shopee show", (*visitor).drift},
		{"where is it", (*visitor).search},
		{"what did Shopee confirm", (*visitor).confirmed},
		{"who pushed it again", (*visitor).who},
		{"what was rejected", (*visitor).rejected},
		{"only these shops and times", (*visitor).filters},
		{"what is new", (*visitor).rowsThatStay},
		{"by the minute", (*visitor).minutes},
		{"with the keyboard, on a phone", (*visitor).bar},
		{"in my language", (*visitor).languages},
		{"is this live", (*visitor).shadow},
	} {
		t.Run(question.name, func(t *testing.T) {
			o.t, o.s.t = t, t
			o.resize(desktop)
			question.ask(o)
		})
	}
	o.t, o.s.t = t, t
}

// bothWays does the same with scripts and without.
func (o *visitor) bothWays(do func(scripts bool)) {
	o.t.Helper()
	do(true)
	command(o.browser, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	defer command(o.browser, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	do(false)
}

// goTo opens a page below /push-records.
func (o *visitor) goTo(path string) {
	o.t.Helper()
	o.open(o.s.console + path)
}

func (o *visitor) goToHistory(shop int, sku string) {
	o.t.Helper()
	o.goTo("/history?" + url.Values{"shop_id": {strconv.Itoa(shop)}, "store_sku": {sku}}.Encode())
}

func (o *visitor) choose(sku string) {
	o.t.Helper()
	o.run(chromedp.Click(chromedp.Search(`//input[contains(@aria-label, "` + sku + ` ")]`)))
}

func (o *visitor) seesAll(all ...string) {
	o.t.Helper()
	for _, text := range all {
		o.sees(text)
	}
}

func (o *visitor) readable(name string) {
	o.t.Helper()
	for _, at := range []screen{phone, desktop} {
		o.resize(at)
		o.fits()
		o.shoot("operator-"+name, at)
	}
	o.named()
}

func (o *visitor) whyPending() {
	why := []string{"so far", "Shopee said:", "next try", "Toko Sepatu (10008): Shopee does not answer", "Giày Hà Nội (10006): Paused", "Not tried yet"}
	o.bothWays(func(bool) {
		o.goTo("?status=Pending")
		o.seesAll(why...)
		o.goToHistory(outageShop, "SANDAL-40")
		o.seesAll(why[:4]...)
	})
	o.readable("pending")
}

func (o *visitor) shops() {
	o.bothWays(func(bool) {
		o.goTo("/shops")
		o.seesAll("Toko Sepatu", "Shopee does not answer", "Giày Hà Nội", "Paused", "An administrator paused this shop", "oldest", "since")
		o.press("Shirts & Co")
		o.sees("TSHIRT-RED-S")
		o.lacks("BOOT-41")
	})
	o.goTo("/shops")
	o.readable("shops")
}

// drift pushes what an audit found to differ.
func (o *visitor) drift() {
	require.NoError(o.t, o.s.sandbox.SetStock(sandbox.StockChange{ShopID: pageShop, ItemID: 7003, ModelID: 1, Stock: 99}))
	require.Len(o.t, o.s.audit("--shop", "10001", "--store-sku", "CAP-BLACK").Drifts, 1)
	o.bothWays(func(scripts bool) {
		o.goTo("?q=cap-black")
		if scripts {
			o.seesAll("Shopee showed too much", "the last audit found 99 instead of 36")
		}
		o.goToHistory(pageShop, "CAP-BLACK")
		o.press("Push now")
		o.sees("All 1 are finished")
	})
	o.goTo("?q=cap-black")
	o.sees("Click Push Now")
	o.lacks("Shopee showed too much")
}

func (o *visitor) search() {
	o.bothWays(func(bool) {
		for text, sees := range map[string]string{"sneak": "SNEAKER-WHITE-40", "mUg": "MUG-OLIVE-350", "nosuchsku": "No SKU contains “nosuchsku”"} {
			o.goTo("")
			o.run(chromedp.SendKeys(chromedp.CSS(".search input"), text+kb.Enter))
			o.sees(sees)
			o.lacks("HOODIE-GREY-M")
		}
		o.goTo("?q=cap-olive")
		o.press("1 rejected trigger contains it")
		o.sees("Rejected triggers")
		o.sees("CAP-OLIVE")
		o.lacks("CAP-BLACK")
	})
}

func (o *visitor) confirmed() {
	oversold := "−82 counts as 0 (oversold by 82)"
	o.bothWays(func(bool) {
		o.goTo("?q=wallet")
		o.seesAll(oversold, "Shopee confirmed 0,")
		o.goToHistory(pageShop, "WALLET-COGNAC")
		o.sees(oversold)
		o.goTo("/merchant-skus?merchant_sku=WALLET")
		o.seesAll(oversold, "Shopee confirmed 0,")
		o.goTo("?q=boot")
		o.sees("to push")
		o.goTo("?q=mug-olive")
		o.sees("refused")
	})
	o.goTo("")
	o.choose("MUG-OLIVE-350")
	o.choose("SNEAKER-WHITE-38")
	o.sees("2 selected")
	o.run(chromedp.Evaluate[chromedp.Void]("window.scrollTo(0, 0)"))
	o.readable("list")
}

func (o *visitor) who() {
	o.bothWays(func(scripts bool) {
		sku, name := mugs[0], "Ann"
		if !scripts {
			sku, name = mugs[1], "Bình"
		}
		o.goTo("?failure_code=model_not_found&still_failing=true")
		o.choose(sku)
		o.press("Re-push")
		o.sees("1 event will be published")
		if scripts {
			eval[bool](o.browser, "history.back() ?? true")
			o.sees("Re-push 1 selected") // what was selected, without waiting for news
			o.press("Re-push")
			o.sees("1 event will be published")
		}
		o.run(chromedp.SetValue(chromedp.CSS("[name=requested_by]"), name))
		o.press("Re-push 1 now")
		o.sees("All 1 are finished")
		o.press("All re-pushes")
		o.seesAll(name, "1 store SKU · 1 shop", sku, "Model not found")
	})
	o.goTo("/re-pushes?by=ann")
	o.sees("Ann")
	o.lacks("Bình")
	o.goTo("/re-pushes")
	o.readable("re-pushes")
}

func (o *visitor) rejected() {
	o.bothWays(func(bool) {
		o.goTo("/rejected")
		o.press("1 Unknown reason")
		o.sees("CAP-BLACK")
		o.lacks("CAP-OLIVE")
		o.press("CAP-BLACK")
		o.sees("1 trigger of this SKU was rejected")
		o.goTo("/rejected")
		o.press("Send again what is valid now")
		o.sees("Nothing would be sent")
		o.goTo("/rejected")
	})
	require.Contains(o.t, eval[string](o.browser, "document.querySelector('a[download]').href"), "format=csv")
	o.readable("rejected")
}

func (o *visitor) filters() {
	o.bothWays(func(bool) {
		o.goTo("?shop_id=10006&shop_id=10008")
		o.seesAll("BOOT-41", "SANDAL-40", "shop: Giày Hà Nội (10006)", "shop: Toko Sepatu (10008)")
		o.lacks("TSHIRT")
		o.run(chromedp.Click(chromedp.CSS(".filters summary")), chromedp.SetValue(chromedp.CSS("#f-since"), "today"), chromedp.Click(chromedp.CSS(".filters button")))
		require.Zero(o.t, o.since().Hour(), "a day is absolute in links")
		o.goTo("?since=24h")
		o.press("Link with fixed times")
		require.WithinDuration(o.t, time.Now().Add(-24*time.Hour), o.since(), 10*time.Minute)
		o.goTo("/merchant-skus?shop_id=10001")
		o.press("TSHIRT")
		o.sees("TSHIRT-NAVY-L")
		o.lacks("CAP-OLIVE")
	})
}

// since waits until the page's link has an absolute time, and returns that.
func (o *visitor) since() (at time.Time) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		link, err := url.Parse(eval[string](o.browser, "location.href"))
		if err == nil {
			at, err = time.Parse(time.RFC3339, link.Query().Get("since"))
		}
		return err == nil
	}, timeout, 100*time.Millisecond)
	return at
}

// rowsThatStay points at a row of each list, which then stays in place.
func (o *visitor) rowsThatStay() {
	for i, list := range []struct{ path, row string }{
		{"", "[data-list] tr.record"}, {"/merchant-skus", "[data-list] tr"}, {"/re-pushes", "[data-list] tr"}, {"/rejected", "[data-list] > li"},
	} {
		o.goTo(list.path)
		o.point(list.row)
		sku := fmt.Sprintf("AA-NEW-%d", i) // first in the order of names
		e := push(sku, 7200+i, 1, 5, schemas.StockCount)
		e.MerchantSKU = sku
		o.s.send(e)
		switch list.path {
		case "/re-pushes":
			o.pushNow(e)
		case "/rejected":
			o.s.sendRaw([]byte("shopee/10001/"+sku), []byte("{}"))
		}
		o.sees("1 new")
		require.NotContains(o.t, o.text(), sku, list.path)
		o.run(chromedp.Click(chromedp.CSS("#show-new")))
		o.sees(sku)
	}
}

// point moves the pointer to the first element that a selector matches.
func (o *visitor) point(selector string) {
	o.t.Helper()
	o.run(chromedp.WaitReady(chromedp.CSS(selector)))
	at := eval[[]float64](o.browser, `(() => { const r = document.querySelector('`+selector+`').getBoundingClientRect(); return [r.x + 40, r.y + r.height / 2]; })()`)
	o.run(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
}

// pushNow pushes a store SKU once its event is stored.
func (o *visitor) pushNow(e schemas.Event) {
	o.t.Helper()
	eventually(o.s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND store_sku = '"+e.Key.StoreSKU+"'")
	code, _, errs := o.s.command("push", "--shop", "10001", "--store-sku", e.Key.StoreSKU)
	require.Equal(o.t, exitDone, code, errs)
}

func (o *visitor) minutes() {
	o.bothWays(func(bool) {
		o.goTo("/overview?since=15m")
		o.sees("Time from trigger to push")
		labels := eval[[]string](o.browser, "[...document.querySelectorAll('figure th[scope=row]')].map(e => e.textContent)")
		zone, err := time.LoadLocation(eval[string](o.browser, "document.getElementById('texts').dataset.zone"))
		require.NoError(o.t, err)
		now := time.Now().In(zone).Format("15:04")
		require.True(o.t, slices.ContainsFunc(labels, func(l string) bool { return l[:2] == now[:2] && l[3:] != "00" }), "%v at %s", labels, now)
	})
	o.readable("minutes")
	o.resize(phone)
	o.run(chromedp.Evaluate[chromedp.Void]("document.querySelector('.figures').scrollIntoView()"))
	o.shoot("operator-charts", phone)
	o.goTo("/overview")
	o.resize(desktop)
	o.shoot("operator-overview", desktop)
}

// bar comes to the buttons in a few tabs, and has them in view on a phone.
func (o *visitor) bar() {
	o.goTo("")
	o.sees("still failing")
	o.tabTo("Skip to the push buttons")
	o.run(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	require.Equal(o.t, "now-selected", eval[string](o.browser, "document.activeElement.closest('#bar button')?.previousElementSibling?.id ?? ''"))
	o.resize(phone)
	o.bothWays(func(bool) {
		o.goTo("")
		require.LessOrEqual(o.t, eval[float64](o.browser, "document.querySelector('#bar').getBoundingClientRect().bottom"), float64(phone.height))
	})
}

func (o *visitor) languages() {
	agent := eval[string](o.browser, "navigator.userAgent")
	ask := func(accept string) {
		command(o.browser, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: accept})
	}
	defer ask("en-GB")
	o.resize(phone)
	for _, language := range texts.All() {
		ask(language.Code)
		paths := []string{"", "/shops", "/overview"}
		if language.Code == "vi" {
			paths = append(paths, "/merchant-skus", "/rejected", "/re-pushes")
		}
		for _, path := range paths {
			o.goTo(path)
			require.Equal(o.t, language.Code, eval[string](o.browser, "document.documentElement.lang"))
			o.fits()
			if language.Code == "vi" {
				o.shoot("vietnamese-"+strings.TrimPrefix(path, "/"), phone)
			}
		}
	}
	o.bothWays(func(bool) {
		o.goTo("/shops")
		o.run(chromedp.Click(chromedp.CSS(".menu summary")), chromedp.Click(chromedp.Search(`//a[@lang="id"]`)))
		o.sees("Dijeda")
		o.run(chromedp.Click(chromedp.CSS(".menu summary")), chromedp.Click(chromedp.Search(`//a[@lang="en"]`)))
		o.sees("Paused")
	})
}

func (o *visitor) shadow() {
	o.goTo("")
	require.False(o.t, eval[bool](o.browser, "document.querySelector('.shadow-mode') !== null"))
	o.run(chromedp.Navigate("about:blank")) // a page that follows would report the restart
	o.s.stop()
	o.s.cfg.Shopee.Mode = "shadow"
	o.s.start()
	o.resize(phone)
	o.bothWays(func(bool) {
		for _, path := range []string{"", "/shops", "/overview"} {
			o.goTo(path)
			require.Contains(o.t, eval[string](o.browser, "document.querySelector('.shadow-mode').innerText"), "Nothing is changed on Shopee")
			o.fits()
		}
	})
}
