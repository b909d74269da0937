package pushrecords_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

var asianSKUs = []string{"เสื้อยืดสีแดง-M", "红色连衣裙-M", "Áo Thun Đỏ-M", norm.NFD.String("Váy Ngắn Đỏ-L"), "TSHIRT-Red_100%-L"}

func (f *fixture) fillAsian() {
	var records []schemas.Record
	for i, sku := range asianSKUs {
		r := record(10001, sku, int64(i), schemas.Failed)
		r.MerchantSKU = fmt.Sprintf("Kho-Số-%d", i)
		records = append(records, r)
	}
	f.insert(append(records, record(10002, "CAP", 1, schemas.Successfully))...)
}

func (f *fixture) found(t *testing.T, q pushrecords.Filter, list func(pushrecords.Filter) []pushrecords.StoreSKU) []string {
	t.Helper()
	skus := []string{}
	for _, row := range list(q) {
		skus = append(skus, row.StoreSKU)
	}
	return skus
}

func TestSearchFindsPartsOfNamesInAnyCase(t *testing.T) {
	f := newFixture(t)
	f.fillAsian()
	lists := map[string]func(pushrecords.Filter) []pushrecords.StoreSKU{
		"by time": func(q pushrecords.Filter) []pushrecords.StoreSKU {
			return allPages(t, f.reader.StoreSKUs, q, pushrecords.Page{Limit: 4, Order: pushrecords.NewestFirst})
		},
		"by key": func(q pushrecords.Filter) []pushrecords.StoreSKU {
			return allPages(t, f.reader.StoreSKUs, q, pushrecords.Page{Limit: 4})
		},
		"by merchant": func(q pushrecords.Filter) []pushrecords.StoreSKU {
			return allPages(t, f.reader.MerchantSKUs, q, pushrecords.Page{Limit: 4})
		},
	}
	for text, want := range map[string][]string{
		"สีแดง": {asianSKUs[0]}, "连衣": {asianSKUs[1]}, "áo THUN đỎ": {asianSKUs[2]}, norm.NFD.String("thun đỏ"): {asianSKUs[2]}, "VÁY ngắn": {asianSKUs[3]},
		"shirt-red_100%": {asianSKUs[4]}, "r%d": {}, "KHO-SỐ-3": {asianSKUs[3]}, "m-c": {"CAP"}, "-m": {asianSKUs[0], asianSKUs[1], asianSKUs[2]}, "zzz": {},
	} {
		for name, list := range lists {
			require.ElementsMatch(t, want, f.found(t, pushrecords.Filter{Query: text}, list), "%s, %s", text, name)
		}
	}
	counts, err := f.reader.FailingByCode(t.Context(), pushrecords.Filter{Query: "đỏ"})
	require.NoError(t, err)
	var n uint64
	for _, c := range counts {
		n += c.N
	}
	require.EqualValues(t, 2, n)
	taken := 0
	require.NoError(t, f.reader.Candidates(t.Context(), pushrecords.Filter{Query: "连衣"}, nil, func(*pushrecords.Candidate) error { taken++; return nil }))
	require.Equal(t, 1, taken, "a re-push of all matches takes those that the search finds")
}

// Rows of other parts, Pending records and later merchant SKUs hide nothing from the search.
func TestSearchMatchesSQLWhateverIsMerged(t *testing.T) {
	f := newFixture(t)
	f.scatter()
	for _, text := range []string{"/00", "m--2", "M-", "3"} {
		q := pushrecords.Filter{Query: text}
		for status, also := range map[string]pushrecords.Filter{"1": q, "last_push_status = 'Failed'": {Query: text, Statuses: []schemas.Status{schemas.Failed}}} {
			want := f.strings("SELECT store_sku FROM d.store_sku_push_status WHERE (positionCaseInsensitive(store_sku, '" + text +
				"') > 0 OR positionCaseInsensitive(merchant_sku, '" + text + "') > 0) AND " + status)
			got := f.found(t, also, func(q pushrecords.Filter) []pushrecords.StoreSKU {
				return allPages(t, f.reader.StoreSKUs, q, pushrecords.Page{Limit: pageOfMany, Order: pushrecords.NewestFirst})
			})
			require.ElementsMatch(t, want, got, "%s and %s", text, status)
		}
	}
}

func TestNearestOffersWhatIsMostLikeTheText(t *testing.T) {
	f := newFixture(t)
	f.fillAsian()
	for text, want := range map[string]string{"TSHRIT-RED_100": asianSKUs[4], "เสื้อยืดแดง": asianSKUs[0], "红裙": asianSKUs[1], "Ao Thun Đỏ": asianSKUs[2]} {
		near, err := f.reader.Nearest(t.Context(), pushrecords.Filter{Query: text})
		require.NoError(t, err)
		require.NotEmpty(t, near, text)
		require.Equal(t, want, near[0].StoreSKU, text)
	}
	near, err := f.reader.Nearest(t.Context(), pushrecords.Filter{Query: "qqqqqq"})
	require.NoError(t, err)
	require.Empty(t, near)
}
