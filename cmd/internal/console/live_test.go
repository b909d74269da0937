package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/console/shown"
	"stockpush/schemas"
)

// shelf is a Shopee that shows one stock, or refuses to.
type shelf struct {
	shows   []channels.ModelStock
	verdict channels.Verdict
	reads   []time.Time
}

func (s *shelf) Read(context.Context, int64, int64) ([]channels.ModelStock, channels.Verdict) {
	s.reads = append(s.reads, time.Now())
	return s.shows, s.verdict
}

func TestLiveShowsWhatShopeeShowsBesideWhatItShould(t *testing.T) {
	d := newDesk(t)
	d.insert(record("mine", 30, schemas.Successfully))
	const path = "/api/v1/store-skus/shopee/10001/mine/live"
	require.Contains(t, problemOf(t, d.get(path))["detail"], "shopee.partner_id", "without Shopee it says so")
	s := &shelf{shows: []channels.ModelStock{{ModelID: 0, Qty: 33}}, verdict: channels.Verdict{Outcome: channels.Confirmed}}
	d.deps.Checker = shown.New(s, d.deps.Reader)
	d.deps.Probes.Registry = prometheus.NewRegistry()
	d.handler = console.NewHandler(console.Config{}, d.deps)
	ask := func() (answer map[string]any) {
		w := d.get(path)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		return answer
	}
	got := ask()
	require.Equal(t, []any{30.0, 33.0, "Successfully", ""}, []any{got["should_show"], got["shows"], got["status"], got["code"]})
	s.shows = nil
	got = ask()
	require.Equal(t, []any{nil, "model_not_found"}, []any{got["shows"], got["code"]})
	require.GreaterOrEqual(t, s.reads[1].Sub(s.reads[0]), 900*time.Millisecond, "one call a second")
	s.verdict = channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Message: "no consent"}
	got = ask()
	require.Equal(t, []any{nil, "authorization_lost", "no consent"}, []any{got["shows"], got["code"], got["message"]})
	require.Equal(t, http.StatusNotFound, d.get("/api/v1/store-skus/shopee/10001/nothing/live").Code)
	require.Len(t, s.reads, 3)
}
