package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"stockpush/cmd/internal/pushrecords"
)

// The fields of a form that choose a period. canonical turns them into since and until.
const (
	fieldRange = "range"
	fieldFrom  = "from"
	fieldTo    = "to"
)

// The ranges that are no age.
const (
	rangeToday     = "today"
	rangeYesterday = "yesterday"
	rangeCustom    = "custom"
)

// inputLayout is how a browser's date and time input writes a time.
const inputLayout = "2006-01-02T15:04"

// canonical returns the link with since and until in place of the fields of a form; empty if the
// request has none of these. A day becomes absolute, in the viewer's zone, so that a shared link
// shows the same to all; an age stays an age.
func (c *console) canonical(r *http.Request) (string, error) {
	query := r.URL.Query()
	if r.Method != http.MethodGet || !query.Has(fieldRange) {
		return "", nil
	}
	since, until, err := c.viewer(r).period(query, c.now())
	if err != nil {
		return "", err
	}
	for _, name := range []string{fieldRange, fieldFrom, fieldTo, "since", "until", "cursor"} {
		query.Del(name)
	}
	for name, values := range query {
		if query[name] = slices.DeleteFunc(values, pushrecords.IsBlank); len(query[name]) == 0 {
			query.Del(name)
		}
	}
	for name, value := range map[string]string{"since": since, "until": until} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return link(r.URL.Path, query), nil
}

func (v *viewer) period(query url.Values, now time.Time) (since, until string, err error) {
	midnight := time.Date(now.In(v.zone).Year(), now.In(v.zone).Month(), now.In(v.zone).Day(), 0, 0, 0, 0, v.zone)
	switch chosen := query.Get(fieldRange); chosen {
	case rangeToday:
		return midnight.Format(time.RFC3339), midnight.AddDate(0, 0, 1).Format(time.RFC3339), nil
	case rangeYesterday:
		return midnight.AddDate(0, 0, -1).Format(time.RFC3339), midnight.Format(time.RFC3339), nil
	case rangeCustom:
		if since, err = v.instant(fieldFrom, query.Get(fieldFrom)); err == nil {
			until, err = v.instant(fieldTo, query.Get(fieldTo))
		}
		return since, until, err
	default:
		return chosen, "", nil
	}
}

// instant reads a local time of the viewer's zone; empty stays empty.
func (v *viewer) instant(name, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	at, err := time.ParseInLocation(inputLayout, text, v.zone)
	if err != nil {
		return "", &pushrecords.ParameterError{Name: name, Problem: "is not a date and time such as 2026-01-31T08:00"}
	}
	return at.Format(time.RFC3339), nil
}

// local writes an absolute time of a query for the browser's input; empty for an age.
func (v *viewer) local(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return ""
	}
	return at.In(v.zone).Format(inputLayout)
}

// instantText writes a time of a query for people: an absolute one in the viewer's zone.
func (v *viewer) instantText(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.In(v.zone).Format(v.T("layout.minute"))
}

// share returns the link with absolute times; empty if the query has no age.
func (a asked) share() string {
	query := maps.Clone(a.query)
	relative := false
	for name, at := range map[string]time.Time{"since": a.filter.Since, "until": a.filter.Until} {
		if text := query.Get(name); text != "" {
			if _, err := time.Parse(time.RFC3339, text); err != nil {
				relative = true
				query.Set(name, at.UTC().Format(time.RFC3339))
			}
		}
	}
	if !relative {
		return ""
	}
	if query.Get("until") == "" {
		query.Set("until", a.now.UTC().Format(time.RFC3339))
	}
	return link(a.path, query)
}
