package pages

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"

	"stockpush/cmd/internal/console/texts"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
)

//go:embed templates/*.html
var templateFiles embed.FS

// view is a page to render.
type view struct {
	// Template names the page, Tab the open tab; empty means none.
	Template, Tab, Title string
	// Data is the page's own data. Its JSON tells whether anything changed.
	Data any
	// Live marks a page that updates itself.
	Live bool
	// Refresh is how many seconds a browser without the script waits before it reloads; 0 means
	// never.
	Refresh int
	// LoggedIn shows the logout button.
	LoggedIn bool
	// Shadow shows the banner of shadow mode.
	Shadow bool
	// Search is the path that the search box searches, Query the text in it.
	Search, Query string
	// Languages are the choices of the language's switch.
	Languages []languageChoice
	viewer    *viewer
	// status is 200 unless set. If redirect is set, it is the target.
	status   int
	redirect string
	// cookies are set with the answer.
	cookies []*http.Cookie
}

// liveHeader requests only the part of a page that changes.
const liveHeader = "Stockpush-Live"

// languageChoice is a language, and the link that selects it and returns to the page.
type languageChoice struct {
	Code, Name, Link string
	Chosen           bool
}

func languageChoices(v *viewer, r *http.Request) (choices []languageChoice) {
	back := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		back = pathStoreSKUs
	}
	for _, l := range texts.All() {
		choices = append(choices, languageChoice{l.Code, l.Name, link(pathLanguage, url.Values{"to": {l.Code}, "back": {back}}), l == v.Language})
	}
	return choices
}

// searchPath returns the path that a tab's search box searches.
func searchPath(tab string) string {
	switch tab {
	case "merchant":
		return pathMerchantSKUs
	case "rejected":
		return pathRejected
	default:
		return pathStoreSKUs
	}
}

type pageFunc func(*http.Request) (view, error)

// page renders the result of a function, or its error.
func (c *console) page(find pageFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v view
		c.names.refresh(r.Context(), c.Reader, c.now())
		to, err := c.canonical(r)
		if err == nil && to == "" {
			v, err = withForm(find, r)
		}
		if err != nil {
			v = c.failure(r, err)
		}
		for _, cookie := range v.cookies {
			http.SetCookie(w, cookie)
		}
		if to != "" {
			v.redirect = to
		}
		if v.redirect != "" {
			http.Redirect(w, r, v.redirect, http.StatusSeeOther)
			return
		}
		v.LoggedIn, v.Shadow, v.viewer = c.LoggedIn, c.Shadow, c.viewer(r)
		v.Languages = languageChoices(v.viewer, r)
		v.Query, v.Search = r.FormValue("q"), searchPath(v.Tab)
		if err := v.write(w, r); err != nil {
			c.Logger.Error("page not rendered", "page", v.Template, "error", err)
			http.Error(w, "The page could not be rendered; the log says why.", http.StatusInternalServerError)
		}
	})
}

// withForm calls find with a request whose form is parsed.
func withForm(find pageFunc, r *http.Request) (view, error) {
	if err := r.ParseForm(); err != nil {
		return view{}, &pushrecords.ParameterError{Name: "form", Problem: "is not a valid form or query"}
	}
	return find(r)
}

func (v view) write(w http.ResponseWriter, r *http.Request) error {
	part := "layout.html"
	if v.Live && r.Header.Get(liveHeader) != "" {
		part = "live"
		tag, err := v.tag()
		if err != nil {
			return err
		}
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	var body bytes.Buffer
	if err := v.viewer.template(v.Template).ExecuteTemplate(&body, part, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", liveHeader+", Accept-Language, Cookie")
	w.Header().Set("Content-Language", v.viewer.Code)
	if v.status != 0 {
		w.WriteHeader(v.status)
	}
	_, _ = w.Write(body.Bytes()) // the client may have disconnected
	return nil
}

func (v view) tag() (string, error) {
	raw, err := json.Marshal(v.Data)
	if err != nil {
		return "", fmt.Errorf("tag the page: %w", err)
	}
	return `"` + strconv.FormatUint(hashOf(append(raw, v.viewer.key()+v.viewer.names.version()...)), 36) + `"`, nil
}

func hashOf(raw []byte) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write(raw) // never fails
	return sum.Sum64()
}

var errNoPage = errors.New("there is no such page")

// problem is the data of the error page.
type problem struct {
	Heading, Detail, Advice string
	// Admin is the cause in technical words, for an administrator.
	Admin string
	// Back is the link to continue with.
	Back string
}

// failure explains an error and what to do. Internals are for the administrator only.
func (c *console) failure(r *http.Request, err error) view {
	t := c.viewer(r)
	status, p := http.StatusInternalServerError, problem{t.T("error.title"), t.T("error.detail"), t.T("error.advice"), "", pathStoreSKUs}
	bad, isBad := errors.AsType[*pushrecords.ParameterError](err)
	switch {
	case errors.Is(err, errNoPage):
		status, p = http.StatusNotFound, problem{t.T("error.nopage"), r.URL.Path, t.T("error.nopage.advice"), "", pathStoreSKUs}
	case isBad:
		status, p = http.StatusBadRequest, problem{t.T("error.filter"), bad.Error(), t.T("error.filter.advice"), "", pathStoreSKUs}
	case errors.Is(err, pushrecords.ErrUnavailable):
		status, p = http.StatusServiceUnavailable, problem{t.T("error.clickhouse"), "", t.T("error.clickhouse.advice"), err.Error(), r.URL.RequestURI()}
	case errors.Is(err, retry.ErrUnavailable):
		status, p = http.StatusServiceUnavailable, problem{t.T("error.kafka"), "", t.T("error.kafka.advice"), err.Error(), pathStoreSKUs}
	}
	if status >= http.StatusInternalServerError {
		c.Logger.Warn("page failed", "path", r.URL.Path, "error", err)
	}
	return view{Template: "error", Title: p.Heading, Data: p, status: status}
}
