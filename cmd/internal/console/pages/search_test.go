package pages_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
)

func TestEveryPageHasTheSearchBox(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}})
	for path, action := range map[string]string{
		"/push-records?q=red": "/push-records", "/push-records/merchant-skus?q=red": "/push-records/merchant-skus", "/push-records/rejected?q=red": "/push-records/rejected",
		"/push-records/overview?q=red": "/push-records", historyOfEvil + "&q=red": "/push-records", "/push-records/elsewhere?q=red": "/push-records",
	} {
		_, page, _ := get(t, h, path)
		require.Contains(t, page, `<form role="search" method="get" action="`+action+`"`, path)
		require.Contains(t, page, `name="q" value="red"`, path)
	}
}

func TestSearchReachesTheReaderAndTheRePush(t *testing.T) {
	r := sample(2)
	_, page, _ := get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), "/push-records?q=red&status=Failed&shop_id=10001")
	require.Equal(t, "red", r.asked[0].Query)
	require.Contains(t, page, `<input type="hidden" name="q" value="red">`)
	require.Contains(t, page, `aria-label="Remove the filter search: red"`)
	require.Contains(t, page, `<a href="/push-records/rejected?q=red&amp;shop_id=10001">1 rejected trigger contains it</a>`)
	require.Equal(t, []int64{10001}, r.counted[0].Shops)
}

// No match says so, offers the nearest, and never looks as if all were well.
func TestSearchWithoutAMatchOffersTheNearest(t *testing.T) {
	r := sample(0)
	r.counts = nil
	near, _ := failing("TSHIRT-RED", 1)
	r.nearest = append(r.nearest, near)
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	status, page, _ := get(t, h, "/push-records?q=TSHRIT&status=Failed")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "No SKU contains “TSHRIT”")
	require.Contains(t, page, `href="/push-records/history?shop_id=10001&amp;store_sku=TSHIRT-RED"`)
	require.Contains(t, page, `<a href="/push-records?q=TSHRIT">Search without the other filters</a>`)
	require.NotContains(t, page, `class="sign ok"`)
	require.NotContains(t, page, "Nothing is failing")
	_, page, _ = get(t, h, "/push-records/rejected?q=TSHRIT")
	require.NotContains(t, page, "was valid")
}
