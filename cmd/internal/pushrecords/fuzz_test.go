package pushrecords

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Any query is either refused with a ParameterError or survives a round trip.
func FuzzParseFilter(f *testing.F) {
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for _, query := range []string{
		"shop_id=1&status=Failed,Pending&reason=sync_order", "since=24h&until=2026-11-24T08:15:30Z", "store_sku=a&store_sku=b,c", "failure_code=expired&still_failing=true",
		"since=-9999999999h", "since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", "merchant_sku=%FF%00", "shop_id=9223372036854775808",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		filter, err := ParseFilter(v, now)
		if err != nil {
			_, ok := errors.AsType[*ParameterError](err)
			require.True(t, ok, "%v", err)
			return
		}
		again, err := ParseFilter(filter.Values(), now)
		require.NoError(t, err)
		require.Equal(t, filter, again)
	})
}

// Any cursor is either refused or names a position in the list.
func FuzzCursors(f *testing.F) {
	columns := []sortColumn{{"triggered_at", instant, true}, {"channel", text, false}, {"shop_id", unsigned, false}, {"event_offset", signed, true}}
	f.Add(encodeCursor("records", []string{"1", "shopee", "2", "-3"}))
	f.Add(encodeCursor("records", []string{"9223372036854775807", "", "18446744073709551615", "-9223372036854775808"}))
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		_, args, err := decodeCursor("records", columns, text)
		if err != nil {
			_, ok := errors.AsType[*ParameterError](err)
			require.True(t, ok, "%v", err)
			return
		}
		require.Len(t, args, len(columns))
	})
}
