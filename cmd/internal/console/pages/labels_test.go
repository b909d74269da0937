package pages_test

import (
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
)

// An hour or less is shown by the minute, and only as far as the period goes.
func TestChartsOfAShortPeriodAreByTheMinute(t *testing.T) {
	minute := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, "2026-03-01T"+text+":00Z")
		require.NoError(t, err)
		return at
	}
	r := sample(1)
	for text, n := range map[string]uint64{"08:05": 7, "08:59": 9} {
		r.minutes = append(r.minutes, pushrecords.Stat{At: minute(text), Status: "Successfully", Records: n, P50: 1200, P99: 2400})
	}
	slices.SortFunc(r.minutes, func(a, b pushrecords.Stat) int { return a.At.Compare(b.At) })
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	_, page, _ := get(t, h, "/push-records/overview?since=2026-03-01T08:00:00Z&until=2026-03-01T09:00:00Z")
	require.Contains(t, page, `<tr><th scope="row">08:05</th><td>7</td><td>0</td></tr>`)
	require.Contains(t, page, `<tr><th scope="row">08:59</th><td>9</td><td>0</td></tr>`)
	_, page, _ = get(t, h, "/push-records/overview?since=2026-03-01T08:00:00Z&until=2026-03-01T09:01:00Z")
	require.NotContains(t, page, `>08:05</th>`, "longer periods are by the hour")
}

// At most four or five short labels stand below a chart: on a phone longer ones collide.
func TestChartLabelsOfALongPeriodAreDays(t *testing.T) {
	r := sample(1)
	r.stats = nil
	for hour := range 200 {
		at := time.Now().UTC().Truncate(time.Hour).Add(time.Duration(hour-199) * time.Hour)
		r.stats = append(r.stats, pushrecords.Stat{At: at, Status: "Successfully", Records: 100, P50: 1200, P99: 2400})
	}
	status, page, _ := get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), "/push-records/overview?since=200h")
	require.Equal(t, http.StatusOK, status)
	days := regexp.MustCompile(`>\d{1,2} [A-Z][a-z]{2}</text>`).FindAllString(page, -1)
	require.NotEmpty(t, days)
	require.LessOrEqual(t, len(days), 3*5)
	require.NotRegexp(t, `>\d{1,2} [A-Z][a-z]{2} \d+h</text>`, page)
	require.Contains(t, page, ">2.0 s</text>")
}
