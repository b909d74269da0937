package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"stockpush/cmd/internal/console/texts"
	"stockpush/schemas"
)

// viewer is the reader that a page is rendered for: a language and a time zone.
type viewer struct {
	*texts.Language
	zone *time.Location
	// names and sets are the console's.
	names *shopNames
	sets  *templateSets
}

// zoneCookie has the name of the browser's time zone, which the script sets.
const zoneCookie = "stockpush_zone"

func (c *console) viewer(r *http.Request) *viewer {
	v := &viewer{texts.Of(r), time.UTC, &c.names, &c.sets}
	if chosen, err := r.Cookie(zoneCookie); err == nil {
		v.zone = zoneOf(chosen.Value)
	}
	return v
}

// zoneOf returns the named time zone; UTC if there is none.
func zoneOf(name string) *time.Location {
	if name, err := url.QueryUnescape(name); err == nil && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.UTC
}

// key identifies what differs between the pages of two viewers.
func (v *viewer) key() string { return v.Code + " " + v.zone.String() }

func (v *viewer) when(t time.Time) string { return t.In(v.zone).Format(v.T("layout.when")) }

// date is when with the year, for times that may lie in another one.
func (v *viewer) date(t time.Time) string { return t.In(v.zone).Format(v.T("layout.year")) }

// chooseLanguage keeps the language that a link names in a cookie.
func (c *console) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	if l := texts.Named(r.FormValue("to")); l != nil {
		http.SetCookie(w, &http.Cookie{Name: texts.Cookie, Value: l.Code, Path: "/", MaxAge: preferenceAge, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.Redirect(w, r, backOf(r.FormValue("back")), http.StatusSeeOther)
}

// preferenceAge is how many seconds a browser keeps a preference.
const preferenceAge = 365 * 24 * 3600

// reasonIDs are the texts of the reasons by their labels, as rows have them.
var reasonIDs = func() map[string]string {
	ids := map[string]string{}
	for _, r := range schemas.Reasons() {
		ids[r.Label()] = "reason." + r.Slug()
	}
	return ids
}()

func (v *viewer) reason(label string) string {
	if id, ok := reasonIDs[label]; ok {
		return v.T(id)
	}
	return label
}

func (v *viewer) status(status string) string {
	if status == "" {
		return v.T("status.waiting")
	}
	return v.T("status." + status)
}

// beside returns a word of the contract with its own English after it where the text is another.
func (v *viewer) beside(text, english string) string {
	if v.IsEnglish() || english == "" {
		return text
	}
	return text + " (" + english + ")"
}

// englishOf returns a word of the contract that is shown beside its translation; empty if the page
// is English.
func (v *viewer) englishOf(word string) string {
	if v.IsEnglish() {
		return ""
	}
	return word
}

// code returns a failure code in words. Links keep the code.
func (v *viewer) code(code string) string {
	if schemas.FailureCode(code).Valid() {
		return v.T("code." + code)
	}
	return plainWords(code)
}

// hint says what a seller can do about a failure; empty for an unknown code.
func (v *viewer) hint(code string) string {
	if !schemas.FailureCode(code).Valid() {
		return ""
	}
	return v.T("hint." + code)
}

// admin says what an administrator can do about a failure; empty if a seller can do all.
func (v *viewer) admin(code string) string {
	if !schemas.FailureCode(code).Valid() || !v.Has("admin."+code) {
		return ""
	}
	return v.T("admin." + code)
}

// bad returns the code of a rejection in words.
func (v *viewer) bad(code string) string {
	if v.Has("bad." + code) {
		return v.T("bad." + code)
	}
	return plainWords(code)
}

// cause explains why failures are left out.
func (v *viewer) cause(name string) string {
	if v.Has("cause." + name) {
		return v.T("cause." + name)
	}
	return strings.ReplaceAll(name, "_", " ")
}

func (v *viewer) age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return v.T("ago.seconds", "N", max(0, int(d/time.Second)))
	case d < time.Hour:
		return v.T("ago.minutes", "N", int(d/time.Minute))
	case d < 48*time.Hour:
		return v.T("ago.hours", "N", int(d/time.Hour))
	default:
		return v.T("ago.days", "N", int(d/(24*time.Hour)))
	}
}

// long writes a length of time.
func (v *viewer) long(d time.Duration) string {
	switch {
	case d < 0:
		return v.T("long.ms", "N", 0)
	case d < time.Second:
		return v.T("long.ms", "N", int(d.Milliseconds()))
	case d < time.Minute:
		return v.T("long.s", "N", decimal(d.Seconds()))
	case d < time.Hour:
		return v.T("long.min", "N", int(d.Minutes()), "M", twoDigits(int(d.Seconds())%60))
	default:
		return v.T("long.h", "N", int(d.Hours()), "M", twoDigits(int(d.Minutes())%60))
	}
}

var inBold = texts.Between("<b>", "</b>")

// funcs are the templates' functions for the viewer.
func (v *viewer) funcs() template.FuncMap {
	own := template.FuncMap{
		"t":       v.T,
		"bold":    func(id string, args ...any) template.HTML { return v.Rich(id, inBold, args...) },
		"reason":  v.reason,
		"status":  v.status,
		"beside":  v.beside,
		"english": v.englishOf,
		"code":    v.code, "hint": v.hint, "admin": v.admin, "bad": v.bad, "cause": v.cause,
		"when":    v.when,
		"date":    v.date,
		"age":     func(t time.Time) string { return v.age(time.Since(t)) },
		"between": func(a, b time.Time) string { return v.long(b.Sub(a)) },
		"state":   v.state, "stateTodo": v.stateTodo, "stateTone": stateTone,
		"shop":  v.shop,
		"short": func(n int64) int64 { return -n },
		"lang":  func() string { return v.Code },
		"zone":  func() string { return v.zone.String() },
	}
	for name, f := range funcs {
		own[name] = f
	}
	return own
}

// templateSets caches the templates of each viewer. Few time zones are in use, but a client may name
// any.
type templateSets struct {
	sync.Mutex
	of map[string]map[string]*template.Template
}

// maxSets limits the cached templates.
const maxSets = 40

// template returns a page's templates for the viewer.
func (v *viewer) template(name string) *template.Template {
	v.sets.Lock()
	defer v.sets.Unlock()
	if v.sets.of == nil || len(v.sets.of) >= maxSets && v.sets.of[v.key()] == nil {
		v.sets.of = map[string]map[string]*template.Template{}
	}
	set := v.sets.of[v.key()]
	if set == nil {
		set = map[string]*template.Template{}
		v.sets.of[v.key()] = set
	}
	if set[name] == nil {
		set[name] = template.Must(template.New("layout.html").Funcs(v.funcs()).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/waiting.html", "templates/"+name+".html"))
	}
	return set[name]
}
