package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

func TestMerchantTabListsMerchantSKUs(t *testing.T) {
	r := sample(2)
	r.groups = []pushrecords.MerchantSKU{{MerchantSKU: "RED-L", Shops: 40, StoreSKUs: 41, Min: 3, Max: 12, Failing: 2, Pending: 1}, {Shops: 2, StoreSKUs: 1000, More: true}}
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	status, page, _ := get(t, h, "/push-records/merchant-skus?status=Failed")
	require.Equal(t, http.StatusOK, status, page)
	inert(t, page)
	require.Contains(t, page, `href="/push-records/merchant-skus?merchant_sku=RED-L&amp;status=Failed"`)
	require.Contains(t, page, "3 – 12")
	require.Contains(t, page, `href="/push-records/merchant-skus?no_merchant=true&amp;status=Failed"`)
	require.Contains(t, page, "1,000+")
	require.Less(t, strings.Index(page, "RED-L"), strings.Index(page, "no_merchant"))
	_, page, _ = get(t, h, "/push-records/merchant-skus?no_merchant=true")
	require.Equal(t, []string{""}, r.asked[0].MerchantSKUs)
	require.Contains(t, page, `name="key"`, "the store SKUs of one merchant SKU can be re-pushed")
}

func TestRePushesAreListed(t *testing.T) {
	r := sample(0)
	r.rePushed = []pushrecords.RePush{{
		Batch: batch, RequestedBy: evil, StartedAt: time.Now(), StoreSKUs: 6, Shops: 1, Example: "TSHIRT",
		Causes: []string{"promotion_locked"}, Successfully: 5, Failed: 1,
	}}
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	status, page, _ := get(t, h, "/push-records/re-pushes?by=ann&shop_id=1&shop_id=2")
	require.Equal(t, http.StatusOK, status, page)
	inert(t, page)
	require.Equal(t, []int64{1, 2}, r.asked[0].Shops)
	require.WithinDuration(t, time.Now().Add(-7*24*time.Hour), r.asked[0].Since, time.Minute)
	require.Contains(t, page, `href="/push-records/re-push/`+batch+`"`)
	require.Contains(t, page, "6 store SKUs · 1 shop")
	require.Contains(t, page, "Promotion locked")
	require.Contains(t, page, `name="by" value="ann"`)
}

func TestRejectedAreGroupedByCause(t *testing.T) {
	r := sample(0)
	shop := uint64(10001)
	r.rejected[0].Channel, r.rejected[0].ShopID, r.rejected[0].StoreSKU = schemas.ChannelShopee, &shop, "TSHIRT/RED"
	r.skusRejected = []pushrecords.RejectedSKU{{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: "TSHIRT/RED", N: 12}, {Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: "CAP", N: 3}}
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	_, page, _ := get(t, h, "/push-records/rejected?since=24h", "Cookie", inBangkok)
	require.Contains(t, page, `href="/push-records/rejected?error_code=unknown_reason&amp;since=24h"`)
	require.Contains(t, page, `<a href="/push-records/rejected?shop_id=10001&amp;since=24h&amp;store_sku=TSHIRT%2FRED"><span class="n">12</span> TSHIRT/RED <span>`)
	require.Contains(t, page, `<a class="sku" href="/push-records/history?shop_id=10001&amp;store_sku=TSHIRT%2FRED">TSHIRT/RED</a>`)
	require.Contains(t, page, `href="/api/v1/rejected-events?format=csv&amp;since=24h&amp;zone=Asia%2FBangkok"`)
	require.NotContains(t, strings.ToLower(page), "dead")
	before, _, _ := strings.Cut(page, "<details><summary>Details")
	require.NotContains(t, before, "offset", "technical details are folded")
	r.rejected[0].ErrorField, r.rejected[0].ErrorMessage = "", "by kafka.partitioner"
	_, page, _ = get(t, h, "/push-records/rejected")
	before, after, _ := strings.Cut(page, "<details><summary>Details")
	require.Contains(t, before, "show the details to those who run the system that sends it")
	require.NotContains(t, before, "by kafka.partitioner", "what no field causes is technical")
	require.Contains(t, after, "by kafka.partitioner")
	_, page, _ = get(t, h, historyOfEvil)
	require.Regexp(t, `<a href="/push-records/rejected\?shop_id=\d+&amp;store_sku=[^"]+">1 trigger of this SKU was rejected in the last 30 days`, page)
	require.NotEmpty(t, r.counted[0].StoreSKUs)
}
