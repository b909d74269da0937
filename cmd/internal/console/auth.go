package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	sessionCookie = "stockpush_session"
	// sessionAge is how long a login lasts.
	sessionAge = 12 * time.Hour
	loginPath  = "/login"
)

// auth lets in who knows the token: by bearer header, or by the cookie of a
// login. The cookie is its expiry, signed with a key made of the token, so a new
// token ends every login and nothing has to be kept.
type auth struct {
	token string
	key   [sha256.Size]byte
	now   func() time.Time
}

func newAuth(token string) *auth {
	return &auth{token: token, key: sha256.Sum256([]byte("stockpush console session\x00" + token)), now: time.Now}
}

func (a *auth) required() bool { return a.token != "" }

// public paths need no token: probes, the login, and files that hold nothing of anyone's.
func public(path string) bool {
	switch path {
	case "/livez", "/readyz", "/metrics", loginPath:
		return true
	}
	return strings.HasPrefix(path, "/static/")
}

// need refuses who has no token: the API with a problem document, pages with a login.
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

func (a *auth) knows(r *http.Request) bool {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return a.is(bearer)
	}
	cookie, err := r.Cookie(sessionCookie)
	return err == nil && a.valid(cookie.Value)
}

// is compares in constant time, whatever the lengths.
func (a *auth) is(token string) bool {
	given, own := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.token))
	return subtle.ConstantTimeCompare(given[:], own[:]) == 1
}

func (a *auth) sign(expiry []byte) []byte {
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write(expiry)
	return mac.Sum(nil)
}

// session is a cookie's value that is valid until a time.
func (a *auth) session(until time.Time) string {
	expiry := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(expiry, a.sign(expiry)...))
}

func (a *auth) valid(session string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(session)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	expiry := raw[:8]
	return hmac.Equal(raw[8:], a.sign(expiry)) && a.now().Unix() < int64(binary.BigEndian.Uint64(expiry))
}
