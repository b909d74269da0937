package pushrecords

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestParseFilter(t *testing.T) {
	for query, want := range map[string]Filter{
		"":                                     {},
		"tab=merchant&limit=7":                 {},
		"shop_id=&store_sku=&status=&since=":   {},
		"shop_id=10021":                        {Shops: []int64{10021}},
		"store_sku=a%2Fb&store_sku=+c":         {StoreSKUs: []string{"a/b", " c"}},
		"store_sku=a%0D%0A+b%20%0A%0Aa&page=1": {StoreSKUs: []string{"a", "b"}},
		"merchant_sku=m&merchant_sku=m":        {MerchantSKUs: []string{"m"}},
		"shop_id=2&shop_id=1%0A3%0A2":          {Shops: []int64{2, 1, 3}},
		"q=+TSHIRT+":                           {Query: "TSHIRT"},
		"q=" + "%C4%90o%CC%89":                 {Query: "Đỏ"}, // an accent of its own
		"status=Failed&status=Successfully":    {Statuses: []schemas.Status{schemas.Failed, schemas.Successfully}},
		"reason=sync_order&reason=Stock+Count": {Reasons: []schemas.Reason{schemas.SyncOrder, schemas.StockCount}},
		"failure_code=holiday_mode":            {FailureCodes: []schemas.FailureCode{schemas.HolidayMode}},
		"since=24h&until=1h":                   {Since: noon.Add(-24 * time.Hour), Until: noon.Add(-time.Hour)},
		"since=2026-03-01T13:00:00%2B08:00":    {Since: time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 8*3600))},
		"still_failing=true":                   {StillFailing: true},
		"still_failing=false":                  {},
		"since=1h30m":                          {Since: noon.Add(-90 * time.Minute)},
		"since=0001-01-01T00:00:00Z":           {Since: time.Unix(0, 0)},
		"since=9999-12-31T23:59:59Z":           {Since: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)},
		"since=1h&until=2h":                    {Since: noon.Add(-time.Hour), Until: noon.Add(-2 * time.Hour)},
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		got, err := ParseFilter(values, noon)
		require.NoError(t, err, query)
		require.True(t, want.Since.Equal(got.Since), query)
		want.Since, got.Since = time.Time{}, time.Time{}
		require.Equal(t, want, got, query)
	}
}

func TestParseFilterNamesTheBadParameter(t *testing.T) {
	for query, name := range map[string]string{
		"shop_id=abc":                     "shop_id",
		"shop_id=0":                       "shop_id",
		"q=a&q=b":                         "q",
		"q=" + strings.Repeat("x", 256):   "q",
		"q=%FF":                           "q",
		"status=fail":                     "status",
		"reason=nope":                     "reason",
		"failure_code=nope":               "failure_code",
		"since=yesterday":                 "since",
		"since=-1h":                       "since",
		"until=2026-02-30T00:00:00Z":      "until",
		"since=123456h":                   "since",
		"since=1d":                        "since",
		"still_failing=1":                 "still_failing",
		"still_failing=perhaps":           "still_failing",
		"store_sku=" + lines(MaxValues+1): "store_sku",
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		_, err = ParseFilter(values, noon)
		var bad *ParameterError
		require.ErrorAs(t, err, &bad, query)
		require.Equal(t, name, bad.Name)
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + signedText(int64(i)) + "%0A")
	}
	return b.String()
}

func TestFilterSurvivesItsURL(t *testing.T) {
	want := Filter{
		Query: "Áo", Shops: []int64{10021, 10022}, StoreSKUs: []string{"a/b", "<script>"}, MerchantSKUs: []string{"m"}, Statuses: []schemas.Status{schemas.Failed},
		Reasons: []schemas.Reason{schemas.PushNow}, FailureCodes: []schemas.FailureCode{schemas.Expired}, Since: noon.Add(-time.Hour), Until: noon, StillFailing: true,
	}
	got, err := ParseFilter(want.Values(), noon.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Empty(t, Filter{}.Values())
}
