package pages_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
)

// At most four or five short labels stand below a chart: on a phone longer ones collide.
func TestChartLabelsOfALongPeriodAreDays(t *testing.T) {
	r := sample(1)
	r.stats = nil
	for hour := range 200 {
		at := time.Now().UTC().Truncate(time.Hour).Add(time.Duration(hour-199) * time.Hour)
		r.stats = append(r.stats, pushrecords.Stat{Hour: at, Status: "Successfully", Records: 100, P50: 1200, P99: 2400})
	}
	status, page, _ := get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), "/push-records/overview?since=200h")
	require.Equal(t, http.StatusOK, status)
	days := regexp.MustCompile(`>\d{1,2} [A-Z][a-z]{2}</text>`).FindAllString(page, -1)
	require.NotEmpty(t, days)
	require.LessOrEqual(t, len(days), 3*5)
	require.NotRegexp(t, `>\d{1,2} [A-Z][a-z]{2} \d+h</text>`, page)
	require.Contains(t, page, ">2.0 s</text>")
}
