package console

import (
	"net/http"

	"stockpush/cmd/internal/webserver"
)

// securityHeaders are set on every answer. Scripts and styles load only from our own files, so text
// that was not escaped cannot run.
var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	// Answers are private and change at any time; static files override this.
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

// refuseCrossSite refuses requests that another site's page makes a browser send.
func refuseCrossSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem{Status: http.StatusForbidden, Detail: "the request comes from another site"}.write(w)
	}))
	return protection.Handler(next)
}

// loopbackNames refuses, while no token is set, requests for a Host that is not a loopback name.
// Otherwise another site's name that resolves to this machine would count as our origin (DNS
// rebinding).
func (a *auth) loopbackNames(next http.Handler) http.Handler {
	if a.required() {
		return next
	}
	return webserver.LoopbackHostOnly(next, func(w http.ResponseWriter, _ *http.Request) {
		problem{Status: http.StatusMisdirectedRequest, Detail: "without console.token the console answers to localhost and loopback addresses only"}.write(w)
	})
}
