package console_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/sinks/clickhouse"
)

// guarded returns a console with a token. Its ClickHouse is down, so status 503 shows that a call
// was admitted.
func guarded(t *testing.T, token string) http.Handler {
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{"127.0.0.1:1"}, Database: "d"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return console.NewHandler(console.Config{Token: token}, depsOf(pushrecords.NewReader(store.Conn(), "d"), nil))
}

const apiPath = "/api/v1/failures"

func with(r *http.Request, headers ...string) *http.Request {
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestEverythingNeedsTheToken(t *testing.T) {
	h := guarded(t, "s3cret")
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic czNjcmV0", "s3cret"} {
		w := do(h, with(request(http.MethodGet, apiPath, nil), "Authorization", authorization))
		require.EqualValues(t, http.StatusUnauthorized, problemOf(t, w)["status"], authorization)
		require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
	}
	require.Equal(t, http.StatusUnauthorized, do(h, request(http.MethodPost, "/api/v1/retries", "{}")).Code)
	require.Equal(t, http.StatusUnauthorized, do(h, request(http.MethodPost, "/push-records/retry", "")).Code)
	require.Equal(t, http.StatusServiceUnavailable, do(h, with(request(http.MethodGet, apiPath, nil), "Authorization", "Bearer s3cret")).Code)
	require.Equal(t, http.StatusServiceUnavailable, do(h, with(elsewhere(http.MethodGet, apiPath), "Authorization", "Bearer s3cret")).Code, "for any Host")
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/static/console.css"} {
		require.Equal(t, http.StatusOK, do(h, request(http.MethodGet, path, nil)).Code, path)
	}
	w := do(h, request(http.MethodGet, "/push-records?status=Failed&shop_id=1", nil))
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/login?next="+url.QueryEscape("/push-records?status=Failed&shop_id=1"), w.Header().Get("Location"))
}

func elsewhere(method, path string) *http.Request {
	return httptest.NewRequest(method, "http://stock.example.com"+path, nil)
}

func login(token, next string) *http.Request {
	r := request(http.MethodPost, "/login", url.Values{"token": {token}, "next": {next}}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestLoginSetsACookie(t *testing.T) {
	h := guarded(t, "s3cret")
	form := do(h, request(http.MethodGet, "/login?next="+url.QueryEscape(`/push-records?x="><script>`), nil))
	require.Equal(t, http.StatusOK, form.Code)
	require.NotContains(t, form.Body.String(), "<script>")
	wrong := do(h, login("guess", "/push-records"))
	require.Equal(t, http.StatusUnauthorized, wrong.Code)
	require.Empty(t, wrong.Result().Cookies())
	require.Contains(t, wrong.Body.String(), `role="alert"`)
	w := do(h, login("s3cret", "/push-records?status=Failed"))
	require.Equal(t, "/push-records?status=Failed", w.Header().Get("Location"))
	cookie := w.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.NotContains(t, cookie.Value, "s3cret")
	asked := func(h http.Handler, value string) int {
		r := request(http.MethodGet, "/push-records", nil)
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: value})
		return do(h, r).Code
	}
	require.Equal(t, http.StatusOK, asked(h, cookie.Value))
	require.Equal(t, http.StatusSeeOther, asked(h, "_"+cookie.Value[1:]), "a changed expiry needs a new signature")
	require.Equal(t, http.StatusSeeOther, asked(h, ""))
	require.Equal(t, http.StatusSeeOther, asked(guarded(t, "another"), cookie.Value), "a new token ends every login")
	other := do(h, login("s3cret", "")).Result().Cookies()[0]
	require.NotEqual(t, cookie.Value, other.Value, "two logins at the same time are two sessions")
	gone := do(h, with(request(http.MethodPost, "/logout", ""), "Cookie", cookie.Name+"="+cookie.Value))
	require.Equal(t, "/login", gone.Header().Get("Location"))
	require.Negative(t, gone.Result().Cookies()[0].MaxAge)
	require.Equal(t, http.StatusSeeOther, asked(h, cookie.Value), "a copy of the cookie does not outlive the logout")
	require.Equal(t, http.StatusOK, asked(h, other.Value), "the other session stays valid")
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "", "javascript:alert(1)", "/\t/evil.example"} {
		require.Equal(t, "/push-records", do(h, login("s3cret", next)).Header().Get("Location"), next)
	}
}

func TestCrossSitePostsAreRefused(t *testing.T) {
	for _, token := range []string{"", "s3cret"} {
		h := guarded(t, token)
		post := func(headers ...string) int {
			r := request(http.MethodPost, "/push-records/retry", "")
			return do(h, with(r, append(headers, "Authorization", "Bearer "+token)...)).Code
		}
		require.Equal(t, http.StatusForbidden, post("Sec-Fetch-Site", "cross-site"))
		require.Equal(t, http.StatusForbidden, post("Sec-Fetch-Site", "same-site"))
		require.Equal(t, http.StatusForbidden, post("Origin", "https://evil.example"))
		require.Equal(t, http.StatusForbidden, post("Origin", "null"))
		require.Equal(t, http.StatusOK, post("Sec-Fetch-Site", "same-origin"))
		require.Equal(t, http.StatusOK, post("Origin", "http://localhost:8080"))
		require.Equal(t, http.StatusOK, post(), "no browser")
	}
}

func TestWithoutTokenOnlyLoopbackHostsAreAnswered(t *testing.T) {
	h := guarded(t, "")
	for host, want := range map[string]int{
		"localhost": http.StatusOK, "localhost:8080": http.StatusOK, "127.0.0.1:1": http.StatusOK, "[::1]:8080": http.StatusOK, "[::1]": http.StatusOK,
		"evil.example:8080": http.StatusMisdirectedRequest, "127.0.0.1.evil.example": http.StatusMisdirectedRequest, "10.0.0.1": http.StatusMisdirectedRequest, "": http.StatusMisdirectedRequest,
	} {
		r := request(http.MethodGet, "/push-records", nil)
		r.Host = host
		require.Equal(t, want, do(h, r).Code, host)
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	h := guarded(t, "s3cret")
	for _, path := range []string{apiPath, "/push-records", "/login", "/livez", "/static/x", "/nothing"} {
		header := do(h, request(http.MethodGet, path, nil)).Header()
		policy := header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", header.Get("Cache-Control"))
	}
}

func TestWithoutTokenConsoleListensOnLoopbackOnly(t *testing.T) {
	for listen, exposed := range map[string]bool{
		"127.0.0.1:0": false, "localhost:0": false, "[::1]:0": false, "127.9.9.9:0": false,
		"0.0.0.0:0": true, ":0": true, "[::]:0": true, "10.1.2.3:0": true,
	} {
		err := console.Config{Listen: listen}.Check()
		if !exposed {
			require.NoError(t, err, listen)
			continue
		}
		require.ErrorIs(t, err, console.ErrExposed, listen)
		require.NoError(t, console.Config{Listen: listen, Token: "t"}.Check())
	}
	_, err := console.Listen(console.Config{Listen: "0.0.0.0:0"}, depsOf(nil, nil))
	require.ErrorIs(t, err, console.ErrExposed)
}

func TestServing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, err = console.Listen(console.Config{Listen: taken.Addr().String()}, depsOf(nil, nil))
	require.ErrorContains(t, err, "console.listen")

	deps := depsOf(nil, nil)
	entered := make(chan struct{})
	deps.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond): // longer than the shutdown takes to begin
			_, _ = fmt.Fprint(w, "whole")
		}
	})
	server, err := console.Listen(console.Config{Listen: "127.0.0.1:0"}, deps)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(server.URL(), "/push-records"))
	ctx, cancel := contextOf(t)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	answered := make(chan string, 1)
	go func() {
		body := ""
		if response, err := http.Get(server.URL()); err == nil {
			raw, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			body = string(raw)
		}
		answered <- body
	}()
	<-entered
	cancel()
	require.Equal(t, "whole", <-answered, "requests in progress are finished")
	require.NoError(t, <-ended)
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestBearerSchemeIgnoresCase(t *testing.T) {
	h := guarded(t, "s3cret")
	for _, scheme := range []string{"Bearer", "bearer", "BEARER", "bEaReR"} {
		require.Equal(t, http.StatusServiceUnavailable, do(h, with(request(http.MethodGet, apiPath, nil), "Authorization", scheme+" s3cret")).Code, scheme)
	}
	require.Equal(t, http.StatusUnauthorized, do(h, with(request(http.MethodGet, apiPath, nil), "Authorization", "bearer S3CRET")).Code)
}

func TestCookieOverTLSIsHostOnly(t *testing.T) {
	h := guarded(t, "s3cret")
	overTLS := func(r *http.Request) *http.Request { return with(r, "X-Forwarded-Proto", "https") }
	cookie := do(h, overTLS(login("s3cret", ""))).Result().Cookies()[0]
	require.Equal(t, "__Host-stockpush_session", cookie.Name)
	require.True(t, cookie.Secure)
	require.Equal(t, "/", cookie.Path)
	require.Empty(t, cookie.Domain)
	page := func(name string) int {
		return do(h, overTLS(with(request(http.MethodGet, "/push-records", nil), "Cookie", name+"="+cookie.Value))).Code
	}
	require.Equal(t, http.StatusOK, page(cookie.Name))
	require.Equal(t, http.StatusSeeOther, page("stockpush_session"), "a cookie that another host may have set does not count")
	require.Equal(t, "stockpush_session", do(h, login("s3cret", "")).Result().Cookies()[0].Name)
}

func TestFailedLoginsAreLoggedCountedAndSlowed(t *testing.T) {
	var said bytes.Buffer
	deps := depsOf(nil, nil)
	deps.Logger = slog.New(slog.NewTextHandler(&said, nil))
	h := console.NewHandler(console.Config{Token: "s3cret"}, deps)
	began := time.Now()
	var guesses sync.WaitGroup
	for range 8 {
		guesses.Go(func() { do(h, login("guess", "")) })
	}
	guesses.Wait()
	require.GreaterOrEqual(t, time.Since(began), time.Second, "four at a time take half a second")
	do(h, with(request(http.MethodGet, apiPath, nil), "Authorization", "Bearer guess"))
	do(h, request(http.MethodGet, "/push-records", nil)) // a request without a token is no failed login
	do(h, login("s3cret", ""))
	require.Contains(t, said.String(), `level=WARN msg="login refused: wrong token" way=login remote=192.0.2.1:1234 path=/login`)
	require.Contains(t, said.String(), "way=bearer")
	require.NotContains(t, said.String(), "guess")
	require.Contains(t, do(h, request(http.MethodGet, "/metrics", nil)).Body.String(), "stockpush_console_failed_logins_total 9")
}
