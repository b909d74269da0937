package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

func TestRequestsAreCheckedAsShopeeDoes(t *testing.T) {
	cases := []struct {
		name   string
		change func(url.Values)
		want   string
	}{
		{"signature", func(q url.Values) { q.Set("sign", "00") }, "error_sign"},
		{"signature in capitals", func(q url.Values) { q.Set("sign", fmt.Sprintf("%X", q.Get("sign"))) }, "error_sign"},
		{"no signature", func(q url.Values) { q.Del("sign") }, "error_sign"},
		{"another partner", func(q url.Values) { q.Set("partner_id", "7") }, "error_sign"},
		{"an old timestamp", func(q url.Values) { q.Set("timestamp", fmt.Sprint(time.Now().Add(-6*time.Minute).Unix())) }, "error_sign"},
		{"a timestamp to come", func(q url.Values) { q.Set("timestamp", fmt.Sprint(time.Now().Add(6*time.Minute).Unix())) }, "error_sign"},
		{"another shop", func(q url.Values) { q.Set("shop_id", "10002") }, "error_sign"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			call := newCaller(t, sandbox.Config{})
			call.change = c.change
			r := call.update(7, 5)
			require.Equal(t, http.StatusForbidden, r.status)
			require.Equal(t, c.want, r.code())
			require.NotEmpty(t, r.body["request_id"])
			require.Empty(t, call.sandbox.Calls(0), "it was not applied")
		})
	}
}

func TestAnUnknownTokenOrShopIsRefused(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	c.access = "made up"
	require.Equal(t, "invalid_acceess_token", c.update(7, 5).code())
	r := c.call(http.MethodPost, "/api/v2/product/update_stock", url.Values{"shop_id": {"99"}, "access_token": {c.access}}, stockOf(1, map[int64]int64{7: 5}))
	require.Equal(t, "error_auth", r.code())
}

func TestUpdatedStockIsShownInEveryWay(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.Empty(t, c.update(7, 5).code())
	require.Empty(t, c.shop(http.MethodPost, "update_stock", nil, stockOf(2, map[int64]int64{0: 9})).code())
	models := c.shop(http.MethodGet, "get_model_list", url.Values{"item_id": {"1"}}, nil)
	text, err := json.Marshal(models.body["response"])
	require.NoError(t, err)
	require.Contains(t, string(text), `"model_id":7`)
	require.Contains(t, string(text), `"stock":"5"`)
	for _, ids := range [][]string{{"1,2"}, {"1", "2"}} { // both list styles
		items := c.shop(http.MethodGet, "get_item_base_info", url.Values{"item_id_list": ids}, nil)
		list := items.body["response"].(map[string]any)["item_list"].([]any)
		require.Len(t, list, 2)
	}
	calls := c.sandbox.Calls(shopID)
	require.Len(t, calls, 2)
	require.Equal(t, []sandbox.Line{{ModelID: 7, Stock: 5, Applied: true}}, calls[0].Lines)
	require.Less(t, calls[0].Sequence, calls[1].Sequence)
}

func TestEachModelHasItsOwnVerdict(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.Describe(sandbox.Item{ShopID: shopID, ItemID: 1, Models: []sandbox.Model{
		{ModelID: 1}, {ModelID: 2, Reserved: 10}, {ModelID: 3, Locked: true},
	}}))
	r := c.shop(http.MethodPost, "update_stock", nil, stockOf(1, map[int64]int64{1: 5, 2: 9, 3: 5, 4: 5}))
	response := r.body["response"].(map[string]any)
	require.Len(t, response["success_list"], 1)
	require.Len(t, response["failure_list"], 3)
	require.Contains(t, fmt.Sprint(response["failure_list"]), "larger than 10")
	require.Equal(t, int64(0), c.shows(2))
	require.Empty(t, c.update(2, 10).code(), "what equals the reserve is taken")
	require.Equal(t, int64(10), c.shows(2))
	for _, list := range []map[string]any{stockOf(1, nil), stockOf(0, map[int64]int64{1: 1}), stockOf(1, map[int64]int64{1: -1}), stockOf(1, fiftyOne())} {
		require.Equal(t, "error_param", c.shop(http.MethodPost, "update_stock", nil, list).code())
	}
}

func fiftyOne() map[int64]int64 {
	all := map[int64]int64{}
	for i := range int64(51) {
		all[i+1] = 1
	}
	return all
}

func TestRefreshTokensAreGoodForOneUse(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	old, oldAccess := c.refresh, c.access
	r := c.renew(old)
	require.Empty(t, r.code())
	c.keep(r)
	require.NotEqual(t, old, c.refresh)
	require.Equal(t, "error_auth", c.renew(old).code(), "it was used")
	require.Empty(t, c.update(7, 5).code())
	c.access = oldAccess
	require.Empty(t, c.update(7, 6).code(), "the old access token lives on")
	require.NoError(t, c.sandbox.Set(sandbox.Switches{RevokeOldToken: true, RefreshReuseCode: "error_shop_refresh_token"}))
	c.keep(c.renew(c.refresh))
	c.access = oldAccess
	require.Equal(t, "invalid_acceess_token", c.update(7, 7).code(), "the switch ends it")
	require.Equal(t, "error_shop_refresh_token", c.renew(old).code())
	require.Equal(t, "error_auth", c.consent("first").code(), "a consent code is good for one use too")
}

func TestAnUnlinkedShopNeedsConsent(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.AddFault(sandbox.Fault{ShopID: shopID, Kind: "unlink"}))
	require.Equal(t, "shop_no_linked", c.update(7, 5).code())
	require.Equal(t, "error_auth", c.renew(c.refresh).code())
	require.Empty(t, c.consent("second").code())
	require.Empty(t, c.update(7, 5).code())
}

func TestTheConsentPageSendsTheBrowserBackWithACode(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	c.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	open := func(q url.Values) *http.Response {
		res, err := c.request(http.MethodGet, "/api/v2/shop/auth_partner", q, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	page := open(url.Values{"redirect": {"https://seller.example/back?x=1"}})
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "Shop 10010")
	c.change = func(q url.Values) { q.Set("shop_id", fmt.Sprint(shopID)) } // Shopee asks for it on the page: it is not signed
	back, err := open(url.Values{"redirect": {"https://seller.example/back?x=1"}}).Location()
	require.NoError(t, err)
	require.Equal(t, "seller.example", back.Host)
	require.Equal(t, "1", back.Query().Get("x"))
	require.Equal(t, fmt.Sprint(shopID), back.Query().Get("shop_id"))
	c.change = func(url.Values) {}
	require.Empty(t, c.consent(back.Query().Get("code")).code())
	require.Equal(t, "error_param", c.call(http.MethodGet, "/api/v2/shop/auth_partner", url.Values{}, nil).code())
	c.change = func(q url.Values) { q.Set("sign", "no") }
	require.Equal(t, http.StatusForbidden, open(url.Values{"redirect": {"https://x.example"}}).StatusCode)
}

func TestLimitsAreKept(t *testing.T) {
	for name, cfg := range map[string]sandbox.Config{"shop": {ShopRate: 2}, "app": {AppRate: 2}} {
		t.Run(name, func(t *testing.T) {
			c := newCaller(t, cfg)
			refused := 0
			for i := range int64(10) {
				if c.update(7, i).code() == "error_rate_limit" {
					refused++
				}
			}
			require.GreaterOrEqual(t, refused, 5)
			require.Len(t, c.sandbox.Calls(shopID), 10-refused)
			require.NoError(t, c.sandbox.Set(sandbox.Switches{RateLimitStatus: http.StatusTooManyRequests}))
			r := c.update(7, 1)
			for r.code() == "" {
				r = c.update(7, 1)
			}
			require.Equal(t, http.StatusTooManyRequests, r.status)
			require.NotEmpty(t, r.header.Get("Retry-After"))
		})
	}
}

func TestFaultsAreSwitchedWhileItRuns(t *testing.T) {
	cases := []struct {
		fault  sandbox.Fault
		status int
		code   string
		shows  int64
	}{
		{sandbox.Fault{Kind: "outage"}, 503, "error_server", -1},
		{sandbox.Fault{Kind: "throttle"}, 200, "error_rate_limit", -1},
		{sandbox.Fault{Kind: "quota"}, 200, "error_limit", -1},
		{sandbox.Fault{Kind: "error", Code: "error_inner", Message: "Oops."}, 200, "error_inner", -1},
		{sandbox.Fault{Kind: "latency", DelayMS: 1}, 200, "", 5},
		{sandbox.Fault{Kind: "no_effect"}, 200, "", -1},
		{sandbox.Fault{Kind: "wrong_quantity"}, 200, "", 5},
		{sandbox.Fault{Kind: "silent"}, 200, "", -1},
	}
	for _, f := range cases {
		t.Run(f.fault.Kind, func(t *testing.T) {
			c := newCaller(t, sandbox.Config{})
			f.fault.ShopID, f.fault.Times = shopID, 1
			require.NoError(t, c.sandbox.AddFault(f.fault))
			r := c.update(7, 5)
			require.Equal(t, f.status, r.status)
			require.Equal(t, f.code, r.code())
			require.Equal(t, f.shows, c.shows(7))
			require.Empty(t, c.update(7, 6).code(), "it hits once")
			require.Equal(t, int64(6), c.shows(7))
		})
	}
	require.Error(t, newCaller(t, sandbox.Config{}).sandbox.AddFault(sandbox.Fault{Kind: "flood"}))
}

func TestLostRequestsLandOrNot(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	lost := func(f sandbox.Fault) {
		f.ShopID, f.Times = shopID, 1
		require.NoError(t, c.sandbox.AddFault(f))
		_, err := c.request(http.MethodPost, "/api/v2/product/update_stock", c.shopParameters(nil), stockOf(1, map[int64]int64{7: 5}))
		require.Error(t, err)
	}
	lost(sandbox.Fault{Kind: "lost_reply"})
	require.Equal(t, int64(5), c.shows(7))
	require.Empty(t, c.update(7, 6).code())
	lost(sandbox.Fault{Kind: "late", DelayMS: 1})
	c.sandbox.Wait()
	require.Equal(t, int64(5), c.shows(7), "it was applied after the newer one")
}

func TestASwitchHasOnlyItsValues(t *testing.T) {
	s, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	require.NoError(t, s.Set(sandbox.Switches{}))
	require.ErrorContains(t, s.Set(sandbox.Switches{FloorShape: "lists", AuthStatus: 500}), "floor_shape")
}

func TestTheControlsOverHTTP(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	post := func(path, body string) int {
		res, err := http.Post(c.server.URL+path, "application/json", bytes.NewBufferString(body))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, 200, post("/sandbox/items", `{"shop_id":10001,"item_id":1,"models":[{"model_id":7,"stock":3,"reserved":2}]}`))
	require.Equal(t, 200, post("/sandbox/stock", `{"shop_id":10001,"item_id":1,"model_id":7,"stock":2}`))
	require.Equal(t, int64(2), c.shows(7))
	require.Equal(t, 400, post("/sandbox/stock", `{"shop_id":99,"item_id":1,"model_id":7,"stock":2}`))
	require.Equal(t, 200, post("/sandbox/faults", `{"shop_id":10001,"kind":"outage"}`))
	require.Equal(t, 200, post("/sandbox/switches", `{"rate_limit_status":429}`))
	require.Equal(t, 400, post("/sandbox/faults", `{"kind":"flood"}`))
	require.Equal(t, 400, post("/sandbox/items", `{"shop":1}`))
	require.Equal(t, 503, c.update(7, 5).status)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.server.URL+"/sandbox/faults", nil)
	require.NoError(t, err)
	res, err := c.server.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Empty(t, c.update(7, 5).code())
	for path, want := range map[string]string{
		"/sandbox/stock?shop_id=10001": `[{"item_id":1,"model_id":7,"stock":5,"reserved":2}]`,
		"/sandbox/stock?shop_id=10002": `[]`,
		"/sandbox/calls?shop_id=10002": `[]`,
		"/sandbox/stats":               `{"calls":1,"max_per_item":1,"reads":0,"refused_refreshes":0}`,
	} {
		res, err := http.Get(c.server.URL + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.JSONEq(t, want, string(body), path)
	}
}

func TestTokensSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	first, err := sandbox.New(sandbox.Config{TokensFile: file})
	require.NoError(t, err)
	require.NotNil(t, first)
	second := newCaller(t, sandbox.Config{TokensFile: file})
	second.access, second.refresh = fmt.Sprintf("access-%d-0", shopID), ""
	require.Empty(t, second.update(7, 5).code())
}

func TestCallsOfAnItemInFlightAreCounted(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.AddFault(sandbox.Fault{Kind: "latency", DelayMS: 200}))
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			res, err := c.request(http.MethodPost, "/api/v2/product/update_stock", c.shopParameters(nil), stockOf(1, map[int64]int64{7: 5}))
			if err == nil {
				_ = res.Body.Close()
			}
		})
	}
	both.Wait()
	require.Equal(t, 2, c.sandbox.Stats().MaxPerItem)
}

// The server's Close, at the test's end, waits for every call that is served.
func TestAHangingCallEndsWhenItsClientGoesAway(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.AddFault(sandbox.Fault{Kind: "hang"}))
	c.server.Client().Timeout = 50 * time.Millisecond
	_, err := c.request(http.MethodPost, "/api/v2/product/update_stock", c.shopParameters(nil), stockOf(1, map[int64]int64{7: 1}))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	closed := make(chan struct{})
	go func() { c.server.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the call is still being served")
	}
}

func TestAnItemsCallsAreRefusedAsAFaultSays(t *testing.T) {
	c := newCaller(t, sandbox.Config{})
	require.NoError(t, c.sandbox.AddFault(sandbox.Fault{ShopID: shopID, ItemID: 1, Kind: "refuse", Code: "error_shop", Message: "shopid is invalid"}))
	require.NoError(t, c.sandbox.AddFault(sandbox.Fault{ShopID: shopID, ItemID: 2, Kind: "refuse", Message: "no such thing"}))
	update := func(item int64) reply {
		return c.shop(http.MethodPost, "update_stock", nil, stockOf(item, map[int64]int64{7: 5}))
	}
	require.Equal(t, "error_shop", update(1).code())
	second := update(2)
	require.Empty(t, second.code())
	require.Equal(t, []any{map[string]any{"model_id": 7.0, "failed_reason": "no such thing"}}, second.body["response"].(map[string]any)["failure_list"])
	require.Empty(t, update(3).code())
	for _, s := range c.sandbox.Stock(shopID) {
		require.Equal(t, map[int64]int64{3: 5}[s.ItemID], s.Stock)
	}
}
