package console

import (
	"html/template"
	"net/http"
	"strings"
	"time"
)

const homePath = "/push-records"

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · stockpush</title>
<link rel="stylesheet" href="/static/console.css">
</head>
<body>
<main class="login">
<h1>stockpush</h1>
<form method="post" action="/login">
{{with .Wrong}}<p role="alert" class="error">{{.}}</p>{{end}}
<input type="hidden" name="next" value="{{.Next}}">
<label for="token">Console token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
</form>
</main>
</body>
</html>
`))

type loginForm struct{ Next, Wrong string }

func (a *auth) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET "+loginPath, func(w http.ResponseWriter, r *http.Request) {
		next := localPath(r.URL.Query().Get("next"))
		if !a.required() || a.knows(r) {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
		showLogin(w, http.StatusOK, loginForm{Next: next})
	})
	mux.HandleFunc("POST "+loginPath, a.login)
	mux.HandleFunc("POST "+logoutPath, a.logout)
}

func (a *auth) login(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.PostFormValue("next"))
	if a.required() && !a.attempts.login(r, func() bool { return a.is(r.PostFormValue("token")) }) {
		showLogin(w, http.StatusUnauthorized, loginForm{Next: next, Wrong: "That is not the console's token (console.token)."})
		return
	}
	a.setCookie(w, r, a.begin(a.now().Add(sessionAge)), int(sessionAge/time.Second))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// logout ends the session here, too: a copy of the cookie is worth nothing from now on.
func (a *auth) logout(w http.ResponseWriter, r *http.Request) {
	for _, cookie := range r.CookiesNamed(cookieName(r)) {
		a.end(cookie.Value)
	}
	a.setCookie(w, r, "", -1)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

// overTLS reports whether the client speaks TLS, to us or to a proxy before us.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookieName is the session's: over TLS one that browsers take from this host alone,
// and not from another one of its domain.
func cookieName(r *http.Request) string {
	if overTLS(r) {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

// setCookie: Lax lets a link in a chat open the page; other sites' posts are
// refused anyway. Behind a proxy that speaks TLS the cookie never leaves it.
func (a *auth) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: overTLS(r),
	})
}

// localPath keeps a login from sending people to another site.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return homePath
	}
	return next
}

func showLogin(w http.ResponseWriter, status int, form loginForm) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, form) // a client that went away has no use for the answer
}
