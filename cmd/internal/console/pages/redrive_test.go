package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/retry"
)

// letters is a Redriver that keeps its requests.
type letters struct{ requests []redrive.Request }

func (l *letters) Do(_ context.Context, q redrive.Request) (retry.Result, []redrive.Published, error) {
	l.requests = append(l.requests, q)
	return retry.Result{Matched: 5, Published: 2, LeftOut: map[string]int{redrive.NewerEvent: 3}}, make([]redrive.Published, 2), nil
}

func postRedrive(t *testing.T, h http.Handler, form url.Values) (int, string, http.Header) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push-records/redrive", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestRedriveShowsPreviewThenResult(t *testing.T) {
	l := &letters{}
	h := pages.New(pages.Deps{Reader: sample(1), Redriver: l})
	form := url.Values{"since": {"24h"}}
	status, page, _ := postRedrive(t, h, form)
	require.Equal(t, http.StatusOK, status)
	inert(t, page)
	require.Contains(t, page, "Send 2 again")
	require.Contains(t, page, "<b>3</b> whose store SKU has a newer event")
	require.Contains(t, page, `name="since" value="24h"`)
	require.True(t, l.requests[0].DryRun)
	require.WithinDuration(t, time.Now().Add(-24*time.Hour), l.requests[0].Since, time.Minute)

	form.Set("confirm", "yes")
	status, _, headers := postRedrive(t, h, form)
	require.Equal(t, http.StatusSeeOther, status)
	require.False(t, l.requests[1].DryRun)
	require.Equal(t, "page", l.requests[1].Origin.Via)
	status, page, _ = get(t, h, headers.Get("Location"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "were sent again")
	require.Contains(t, page, "<b>3</b> whose store SKU has a newer event")
	require.Len(t, l.requests, 2, "a reload publishes nothing")
}

func TestRejectedTriggersHaveTheButtonOfARedrive(t *testing.T) {
	_, page, _ := get(t, pages.New(pages.Deps{Reader: sample(1), Redriver: &letters{}}), "/push-records/rejected?since=24h")
	require.Contains(t, page, `action="/push-records/redrive"`)
	h := pages.New(pages.Deps{Reader: sample(1)})
	_, page, _ = get(t, h, "/push-records/rejected")
	require.NotContains(t, page, "/push-records/redrive")
	status, _, _ := postRedrive(t, h, nil)
	require.Equal(t, http.StatusNotFound, status)
}
