package sandbox_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

const shopID = sandbox.FirstShopID

// caller is a Shopee client of the test's own: it signs by the documentation.
type caller struct {
	t               *testing.T
	sandbox         *sandbox.Sandbox
	server          *httptest.Server
	access, refresh string
	// change spoils the parameters of the next calls.
	change func(url.Values)
}

func newCaller(t *testing.T, cfg sandbox.Config) *caller {
	s, err := sandbox.New(cfg)
	require.NoError(t, err)
	c := &caller{t: t, sandbox: s, server: httptest.NewServer(s), change: func(url.Values) {}}
	t.Cleanup(func() { c.server.Close(); s.Wait() })
	c.consent("first")
	return c
}

// reply is a call's status, header and body.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func (r reply) code() string { return fmt.Sprint(r.body["error"]) }

func (c *caller) sign(path string, q url.Values) {
	mac := hmac.New(sha256.New, []byte(sandbox.DefaultPartnerKey))
	_, _ = io.WriteString(mac, q.Get("partner_id")+path+q.Get("timestamp")+q.Get("access_token")+q.Get("shop_id"))
	q.Set("sign", hex.EncodeToString(mac.Sum(nil)))
}

func (c *caller) request(method, path string, q url.Values, body any) (*http.Response, error) {
	q.Set("partner_id", fmt.Sprint(sandbox.DefaultPartnerID))
	q.Set("timestamp", fmt.Sprint(time.Now().Unix()))
	c.sign(path, q)
	c.change(q)
	raw, err := json.Marshal(body)
	require.NoError(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path+"?"+q.Encode(), bytes.NewReader(raw))
	require.NoError(c.t, err)
	return c.server.Client().Do(r)
}

func (c *caller) call(method, path string, q url.Values, body any) reply {
	res, err := c.request(method, path, q, body)
	require.NoError(c.t, err)
	defer func() { _ = res.Body.Close() }()
	r := reply{status: res.StatusCode, header: res.Header}
	require.NoError(c.t, json.NewDecoder(res.Body).Decode(&r.body))
	return r
}

func (c *caller) shop(method, path string, more url.Values, body any) reply {
	return c.call(method, "/api/v2/product/"+path, c.shopParameters(more), body)
}

func (c *caller) shopParameters(more url.Values) url.Values {
	q := url.Values{"shop_id": {fmt.Sprint(shopID)}, "access_token": {c.access}}
	for name, values := range more {
		q[name] = values
	}
	return q
}

func stockOf(itemID int64, quantities map[int64]int64) map[string]any {
	var list []map[string]any
	for model, stock := range quantities {
		list = append(list, map[string]any{"model_id": model, "seller_stock": []map[string]any{{"stock": stock}}})
	}
	return map[string]any{"item_id": itemID, "stock_list": list}
}

func (c *caller) update(model, stock int64) reply {
	return c.shop(http.MethodPost, "update_stock", nil, stockOf(1, map[int64]int64{model: stock}))
}

// consent gets a first pair of tokens for a consent code.
func (c *caller) consent(code string) reply {
	r := c.call(http.MethodPost, "/api/v2/auth/token/get", url.Values{}, map[string]any{"code": code, "partner_id": sandbox.DefaultPartnerID, "shop_id": shopID})
	c.keep(r)
	return r
}

func (c *caller) renew(refresh string) reply {
	return c.call(http.MethodPost, "/api/v2/auth/access_token/get", url.Values{}, map[string]any{"refresh_token": refresh, "partner_id": sandbox.DefaultPartnerID, "shop_id": shopID})
}

func (c *caller) keep(r reply) {
	if access, ok := r.body["access_token"].(string); ok {
		c.access, c.refresh = access, r.body["refresh_token"].(string)
	}
}

func (c *caller) shows(model int64) int64 {
	for _, s := range c.sandbox.Stock(shopID) {
		if s.ModelID == model {
			return s.Stock
		}
	}
	return -1
}
