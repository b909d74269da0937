package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/console/texts"
)

func TestLoginIsInTheReadersLanguage(t *testing.T) {
	h := console.NewHandler(console.Config{Token: "a-token-of-16-characters"}, depsOf(nil, nil))
	for _, l := range texts.All() {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/login", strings.NewReader(url.Values{"token": {"wrong"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Accept-Language", l.Code)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Contains(t, w.Body.String(), `<html lang="`+l.Code+`">`)
			require.Contains(t, w.Body.String(), l.T("login.title")+"</button>")
			require.Contains(t, w.Body.String(), l.T("login.token")+"</label>")
			require.Equal(t, l.Code, w.Header().Get("Content-Language"))
			require.Equal(t, method == http.MethodPost, strings.Contains(w.Body.String(), `role="alert"`))
		}
	}
}
