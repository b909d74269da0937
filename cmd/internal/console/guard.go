package console

import (
	"net/http"

	"stockpush/cmd/internal/webserver"
)

// securityHeaders go with every answer. Scripts and styles come from files of
// ours only, so that a text that slipped through unescaped still does nothing.
var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	// What is shown is of now and not for others; static files say otherwise themselves.
	"Cache-Control": "no-store",
}

func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range securityHeaders {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// refuseCrossSite refuses what another site's page makes a browser post.
func refuseCrossSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem{Status: http.StatusForbidden, Detail: "the request comes from another site"}.write(w)
	}))
	return protection.Handler(next)
}

// loopbackNames refuses, while no token is needed, requests under a name that is
// not this machine's: a page of a site whose name was made to point here would
// otherwise count as our own.
func (a *auth) loopbackNames(next http.Handler) http.Handler {
	if a.required() {
		return next
	}
	return webserver.LoopbackHostOnly(next, func(w http.ResponseWriter, _ *http.Request) {
		problem{Status: http.StatusMisdirectedRequest, Detail: "without console.token the console answers to localhost and loopback addresses only"}.write(w)
	})
}
