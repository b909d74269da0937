package console

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
)

// Any body of a retry is either refused with a ParameterError, or states what it selects.
func FuzzRetryBody(f *testing.F) {
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for _, body := range []string{
		`{"shop_id":10001,"store_sku":["a","b"],"since":"24h","limit":1}`, `{"event_ids":[]}`, `{"event_ids":["e"],"dry_run":true}`, `{"shop_id":[1e400]}`, `{"shop_id":""}`,
		`{"limit":0}`, `{"limit":-1}`, `{}{}`, `null`, "\xff", `{"all":true}`, `{"all":true,"all":false}`, `{"shop_id":[null]}`, `{"Shop_ID":1}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body := retryBody{filter: url.Values{}}
		err := readBody(httptest.NewRequest("POST", "/api/v1/retries", strings.NewReader(text)), "retry", body.member)
		if err == nil {
			_, err = body.request(now)
		}
		if err != nil {
			_, ok := errors.AsType[*pushrecords.ParameterError](err)
			require.True(t, ok, "%v", err)
		}
	})
}

// Without the token no cookie or header is accepted, and the login redirects only within this site.
func FuzzCredentials(f *testing.F) {
	a := newAuth("the-token-of-the-console", newAttempts(prometheus.NewRegistry(), slog.New(slog.DiscardHandler)))
	a.attempts.delay = 0
	f.Add("stockpush_session="+a.begin(time.Now().Add(-time.Hour)), "Bearer the-token-of-the-consol", "/push-records?a=b")
	f.Add("stockpush_session=", "bearer the-token-of-the-console", "//elsewhere.example")
	f.Add("stockpush_session=AAAA", "", "/\\elsewhere.example")
	right := a.begin(time.Now().Add(time.Hour))
	f.Fuzz(func(t *testing.T, cookie, authorization, next string) {
		r := httptest.NewRequest("GET", "/push-records", nil)
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Authorization", authorization)
		scheme, token, _ := strings.Cut(authorization, " ")
		bearer := strings.EqualFold(scheme, "bearer") && strings.TrimLeft(token, " ") == "the-token-of-the-console"
		require.False(t, a.knows(r) && !strings.Contains(cookie, right) && !bearer)
		to := localPath(next)
		require.True(t, strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, "/\\"), to)
	})
}
