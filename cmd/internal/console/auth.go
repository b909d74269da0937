package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	sessionCookie = "stockpush_session"
	// sessionAge is how long a login is valid.
	sessionAge = 12 * time.Hour
	loginPath  = "/login"
	logoutPath = "/logout"
)

// auth admits clients that have the token: in a bearer header or a login's cookie.
type auth struct {
	token string
	*sessions
	attempts *attempts
}

func newAuth(token string, attempts *attempts) *auth {
	return &auth{token: token, sessions: newSessions(token), attempts: attempts}
}

func (a *auth) required() bool { return a.token != "" }

// public reports whether a path needs no token: probes, login and logout, and static files.
func public(path string) bool {
	switch path {
	case "/livez", "/readyz", "/metrics", loginPath, logoutPath:
		return true
	}
	return strings.HasPrefix(path, "/static/")
}

// need rejects requests without the token: the API with a problem document, pages with a redirect
// to the login.
func (a *auth) need(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !a.required(), public(r.URL.Path), a.knows(r):
			next.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/api/") || r.Method != http.MethodGet:
			w.Header().Set("WWW-Authenticate", `Bearer realm="stockpush"`)
			problem{Status: http.StatusUnauthorized, Detail: "send console.token as a bearer token, or log in at " + loginPath}.write(w)
		default:
			http.Redirect(w, r, loginPath+"?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		}
	})
}

// knows reports whether a request has the token or a session. It records a wrong token.
func (a *auth) knows(r *http.Request) bool {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		right := a.is(strings.TrimLeft(token, " "))
		if !right {
			a.attempts.failed(r, "bearer")
		}
		return right
	}
	cookie, err := r.Cookie(cookieName(r))
	return err == nil && a.valid(cookie.Value)
}

// is compares in constant time, for any lengths.
func (a *auth) is(token string) bool {
	given, own := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.token))
	return subtle.ConstantTimeCompare(given[:], own[:]) == 1
}
