package sandbox_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

// The sandbox answers every request. A hanging fault is the client's own wish, so
// its requests here have gone away already.
func FuzzRequests(f *testing.F) {
	s, err := sandbox.New(sandbox.Config{})
	require.NoError(f, err)
	f.Cleanup(s.Wait)
	for _, path := range []string{
		"/api/v2/product/update_stock?shop_id=10001&partner_id=1&timestamp=1&sign=a&access_token=b", "/api/v2/product/get_model_list?item_id=1", "/api/v2/auth/token/get",
		"/api/v2/shop/auth_partner?redirect=http://127.0.0.1/&shop_id=10001", "/sandbox/stock?shop_id=10001", "/sandbox/calls?shop_id=x", "/sandbox/nothing",
	} {
		f.Add("GET", path, []byte(nil))
		f.Add("POST", path, []byte(`{"item_id":1,"stock_list":[{"model_id":0,"seller_stock":[{"stock":1}]}]}`))
	}
	for path, body := range map[string]string{
		"/sandbox/items": `{"shop_id":10001,"item_id":500,"models":[{"model_id":7,"reserved":50}]}`, "/sandbox/shops": `{"shop_id":10001,"holiday":"full","warehouses":["a"]}`,
		"/sandbox/faults": `{"shop_id":10001,"kind":"outage","times":1}`, "/sandbox/switches": `{"floor_shape":"list","auth_status":403,"rate_limit_status":429}`,
		"/sandbox/stock": `{"shop_id":10001,"item_id":1,"model_id":2,"stock":3}`,
	} {
		f.Add("POST", path, []byte(body))
		f.Add("DELETE", path, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		r, err := http.NewRequest(method, "http://sandbox"+path, bytes.NewReader(body))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(cancelled(t)))
		require.GreaterOrEqual(t, w.Code, 100)
	})
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
