package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/schemas"
)

const inBangkok = "stockpush_zone=Asia%2FBangkok"

// A day is the reader's, and becomes absolute, so that a shared link shows the same to all.
func TestDaysAreTheReadersAndBecomeAbsolute(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Bangkok")
	require.NoError(t, err)
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}})
	follow := func(path string) url.Values {
		status, page, headers := get(t, h, path, "Cookie", inBangkok)
		require.Equal(t, http.StatusSeeOther, status, page)
		to, err := url.Parse(headers.Get("Location"))
		require.NoError(t, err)
		return to.Query()
	}
	day := func(offset int) string {
		n := time.Now().In(zone)
		return time.Date(n.Year(), n.Month(), n.Day()+offset, 0, 0, 0, 0, zone).Format(time.RFC3339)
	}
	require.Equal(t, url.Values{"since": {day(0)}, "until": {day(1)}, "status": {"Failed"}}, follow("/push-records?range=today&from=&to=&status=Failed&q=&store_sku=%0D%0A"))
	require.Equal(t, url.Values{"since": {day(-1)}, "until": {day(0)}}, follow("/push-records/overview?range=yesterday"))
	require.Equal(t, url.Values{"since": {"2026-01-31T08:00:00+07:00"}, "until": {"2026-02-01T09:30:00+07:00"}}, follow("/push-records?range=custom&from=2026-01-31T08:00&to=2026-02-01T09:30"))
	require.Equal(t, url.Values{"since": {"24h"}}, follow("/push-records/rejected?range=24h"))
	status, page, _ := get(t, h, "/push-records?range=custom&from=noon")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, page, "from: is not a date")
	_, page, _ = get(t, h, "/push-records?since=2026-01-31T08:00:00%2B07:00&until=2026-01-31T03:00:00Z", "Cookie", inBangkok)
	require.Contains(t, page, `name="from" value="2026-01-31T08:00"`)
	require.Contains(t, page, `name="to" value="2026-01-31T10:00"`)
	require.Contains(t, page, "until: 31 Jan, 10:00")
}

func TestSharedLinkHasAbsoluteTimes(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}})
	_, page, _ := get(t, h, "/push-records?since=24h&status=Failed")
	require.Contains(t, page, "Link with fixed times")
	require.Contains(t, page, "since="+url.QueryEscape(time.Now().Add(-24*time.Hour).UTC().Format("2006-01-02T15")))
	_, page, _ = get(t, h, "/push-records?since=2026-01-31T08:00:00Z")
	require.NotContains(t, page, "Link with fixed times")
}

func TestAdviceIsGivenOncePerCause(t *testing.T) {
	_, page, _ := get(t, pages.New(pages.Deps{Reader: sample(20), Retrier: &publisher{}}), "/push-records")
	require.Equal(t, 20, strings.Count(page, `<p class="why">`))
	require.Equal(t, 1, strings.Count(page, "</b> "+schemas.ItemNotFound.Hint()))
}

func TestCountsAreOfWhatIsShown(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(2), Retrier: &publisher{}})
	_, page, _ := get(t, h, "/push-records?status=Successfully")
	require.NotContains(t, page, "still failing</a>")
	require.NotContains(t, page, "Nothing is failing")
	require.Contains(t, page, "None of these is failing.")
}
