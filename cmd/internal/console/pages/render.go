package pages

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"strconv"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by name, each with the layout.
var templates = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"list", "history", "rejected", "overview", "preview", "progress", "redrive", "error"} {
		all[name] = template.Must(template.New("layout.html").Funcs(funcs).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return all
}()

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
	// status is 200 unless set. If redirect is set, it is the target.
	status   int
	redirect string
}

// liveHeader requests only the part of a page that changes.
const liveHeader = "Stockpush-Live"

type pageFunc func(*http.Request) (view, error)

// page renders the result of a function, or its error.
func (c *console) page(find pageFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := find(r)
		if err != nil {
			v = c.failure(r, err)
		}
		if v.redirect != "" {
			http.Redirect(w, r, v.redirect, http.StatusSeeOther)
			return
		}
		v.LoggedIn, v.Shadow = c.LoggedIn, c.Shadow
		if err := v.write(w, r); err != nil {
			c.Logger.Error("page not rendered", "page", v.Template, "error", err)
			http.Error(w, "The page could not be rendered; the log says why.", http.StatusInternalServerError)
		}
	})
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
	if err := templates[v.Template].ExecuteTemplate(&body, part, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", liveHeader)
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
	return `"` + strconv.FormatUint(hashOf(raw), 36) + `"`, nil
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
	// Back is the link to continue with.
	Back string
}

// failure explains an error and what to do. It shows internals only where an operator needs them.
func (c *console) failure(r *http.Request, err error) view {
	status, p := http.StatusInternalServerError, problem{
		Heading: "Something went wrong here", Detail: "The console's log has the cause.", Advice: "Try again; report it if it stays.", Back: pathStoreSKUs,
	}
	bad, isBad := errors.AsType[*pushrecords.ParameterError](err)
	switch {
	case errors.Is(err, errNoPage):
		status, p.Heading, p.Detail, p.Advice = http.StatusNotFound, "There is no such page", r.URL.Path, "The Push Record begins at the link below."
	case isBad:
		status, p.Heading, p.Detail, p.Advice = http.StatusBadRequest, "This filter cannot be used", bad.Error(), "Correct the link, or begin without filters."
	case errors.Is(err, pushrecords.ErrUnavailable):
		status, p.Heading = http.StatusServiceUnavailable, "ClickHouse does not answer"
		p.Detail, p.Advice = err.Error(), "Pushes continue and their records wait in Kafka: nothing is lost. This page works again as soon as ClickHouse is back."
		p.Back = r.URL.RequestURI()
	case errors.Is(err, retry.ErrUnavailable):
		status, p.Heading = http.StatusServiceUnavailable, "Kafka does not accept the re-push"
		p.Detail, p.Advice = err.Error(), "Only what is shown was published. Try again when Kafka is back; what was published is then left out."
	}
	if status >= http.StatusInternalServerError {
		c.Logger.Warn("page failed", "path", r.URL.Path, "error", err)
	}
	return view{Template: "error", Title: p.Heading, Data: p, status: status}
}
