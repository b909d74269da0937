package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
)

// Any request is answered without a server error, and nothing of the request becomes markup.
func FuzzPages(f *testing.F) {
	sku, record := failing("A", 1)
	c := pages.New(pages.Deps{Reader: &records{
		skus: []pushrecords.StoreSKU{sku}, last: []pushrecords.Record{record}, history: []pushrecords.Record{record},
	}, Retrier: &publisher{}})
	for path, form := range map[string]string{
		"/push-records?shop_id=1&status=Failed&since=24h&cursor=x&limit=5": "", "/push-records/history?key=shopee/1/A": "", "/push-records/history?channel=shopee&shop_id=1&store_sku=A": "",
		"/push-records/merchant-skus?merchant_sku=" + "%3Cscript%3Ealert(1)%3C/script%3E": "", "/push-records/overview?since=-1h&until=9999-12-31T23:59:59Z": "", "/push-records/rejected?limit=x": "",
		"/push-records/re-push": "all=true&shop_id=1&count=3&sure=yes", "/push-records/re-push/" + longAgo: "", "/push-records/re-push/" + batch + "?count=x": "", "/static/../pages.go": "",
	} {
		f.Add("GET", path, "")
		f.Add("POST", path, form)
	}
	f.Fuzz(func(t *testing.T, method, path, form string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://console"+path, strings.NewReader(form))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, w.Body.String())
		require.NotContains(t, strings.ToLower(w.Body.String()), "<script>alert")
	})
}
