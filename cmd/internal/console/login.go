package console

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"stockpush/cmd/internal/console/texts"
)

const homePath = "/push-records"

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="{{.Code}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.T "login.title"}} · stockpush</title>
<link rel="stylesheet" href="/static/console.css">
</head>
<body>
<main class="login">
<h1>stockpush</h1>
<form method="post" action="/login">
{{if .Wrong}}<p role="alert" class="error">{{.T "login.wrong"}}</p>{{end}}
<input type="hidden" name="next" value="{{.Next}}">
<label for="token">{{.T "login.token"}}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">{{.T "login.title"}}</button>
</form>
</main>
</body>
</html>
`))

// loginForm is the data of the login page, in the reader's language.
type loginForm struct {
	*texts.Language
	// Next is the path to go to after the login.
	Next string
	// Wrong reports that the token was wrong.
	Wrong bool
}

func (a *auth) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET "+loginPath, func(w http.ResponseWriter, r *http.Request) {
		next := localPath(r.URL.Query().Get("next"))
		if !a.required() || a.knows(r) {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
		showLogin(w, http.StatusOK, loginForm{texts.Of(r), next, false})
	})
	mux.HandleFunc("POST "+loginPath, a.login)
	mux.HandleFunc("POST "+logoutPath, a.logout)
}

func (a *auth) login(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.PostFormValue("next"))
	if a.required() && !a.attempts.login(r, func() bool { return a.is(r.PostFormValue("token")) }) {
		showLogin(w, http.StatusUnauthorized, loginForm{texts.Of(r), next, true})
		return
	}
	a.setCookie(w, r, a.begin(a.now().Add(sessionAge)), int(sessionAge/time.Second))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// logout also ends the session on the server, so that a copied cookie becomes invalid.
func (a *auth) logout(w http.ResponseWriter, r *http.Request) {
	for _, cookie := range r.CookiesNamed(cookieName(r)) {
		a.end(cookie.Value)
	}
	a.setCookie(w, r, "", -1)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

// overTLS reports whether the client uses TLS, directly or to a proxy before the console.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookieName returns the session cookie's name. Over TLS the prefix __Host- makes browsers accept
// it from this host only.
func cookieName(r *http.Request) string {
	if overTLS(r) {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

// setCookie sets the session cookie. SameSite=Lax lets a link in a chat open the page; cross-site
// posts are refused anyway.
func (a *auth) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: overTLS(r),
	})
}

// localPath keeps the redirect after a login within this site.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return homePath
	}
	return next
}

func showLogin(w http.ResponseWriter, status int, form loginForm) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", form.Code)
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, form) // the client may have disconnected
}
