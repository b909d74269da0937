package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// asked is the query of a request.
type asked struct {
	// query is the query as given, without empty and unknown parameters. A relative age such as 24h
	// stays relative in every link.
	query  url.Values
	filter pushrecords.Filter
	path   string
	now    time.Time
}

func (c *console) asked(r *http.Request) (asked, error) {
	query := url.Values{}
	for _, name := range pushrecords.FilterParameters() {
		for _, value := range r.Form[name] {
			if value != "" {
				query.Add(name, value)
			}
		}
	}
	now := c.now()
	filter, err := pushrecords.ParseFilter(query, now)
	return asked{query, filter, r.URL.Path, now}, err
}

// with returns the link to the first page of the same query with other values for one parameter.
func (a asked) with(name string, values ...string) string {
	query := maps.Clone(a.query)
	query.Del(name)
	if len(values) > 0 {
		query[name] = values
	}
	return link(a.path, query)
}

// pageLinks are the links of a page of a list.
type pageLinks struct {
	// Next and First are empty if there is no such page. CSV is the link to all matches as CSV.
	Next, First, CSV string
}

// pageLinks returns the links of the page at a cursor; list is the list's name in the API.
func (a asked) pageLinks(v *viewer, list, cursor, next string) (l pageLinks) {
	l.CSV = asked{query: a.query, path: "/api/v1/" + list}.with("format", "csv") + "&" + url.Values{"zone": {v.zone.String()}}.Encode()
	if cursor != "" {
		l.First = link(a.path, a.query)
	}
	if next != "" {
		l.Next = a.with("cursor", next)
	}
	return l
}

// choice is one value of a filter.
type choice struct {
	Value, Label string
	Chosen       bool
}

// chip is an active condition, and the link without it.
type chip struct{ Label, Without string }

// form is the data of the filter's form.
type form struct {
	Action, Clear          string
	Shop, StoreSKUs, Query string
	MerchantSKUs           string
	// From and To are the absolute times of the period, for the browser's inputs.
	From, To string
	// Shops are the shops to choose from; empty if their names are not known.
	Shops []choice
	// Share is the link with absolute times; empty if the times are absolute.
	Share                  string
	Statuses, Reasons      []choice
	Codes, Ranges          []choice
	StillFailing, Anything bool
	// ManyReasons and ManyCodes report that several are selected.
	ManyReasons, ManyCodes bool
	Chips                  []chip
	// Keep are the query's parameters, for forms that submit the filter too.
	Keep []choice
}

// ranges are the ages offered; the first is all.
var ranges = []string{"", "15m", "1h", "6h", "24h", "72h", "168h"}

func (a asked) form(v *viewer) form {
	f := form{
		Action: a.path, Clear: a.path, Shop: strings.Join(a.query["shop_id"], "\n"), Query: a.filter.Query, From: v.local(a.query.Get("since")), To: v.local(a.query.Get("until")), Share: a.share(),
		StoreSKUs: strings.Join(a.filter.StoreSKUs, "\n"), MerchantSKUs: strings.Join(a.filter.MerchantSKUs, "\n"),
		StillFailing: a.filter.StillFailing, Anything: len(a.query) > 0,
		ManyReasons: len(a.filter.Reasons) > 1, ManyCodes: len(a.filter.FailureCodes) > 1,
	}
	f.Shops = v.shopChoices(a.filter.Shops)
	for _, s := range []schemas.Status{schemas.Failed, schemas.Pending, schemas.Successfully, schemas.Skipped} {
		f.Statuses = append(f.Statuses, choice{s.String(), s.String(), slices.Contains(a.filter.Statuses, s)})
	}
	for _, r := range schemas.Reasons() {
		f.Reasons = append(f.Reasons, choice{r.Slug(), v.beside(v.reason(r.Label()), r.Label()), slices.Contains(a.filter.Reasons, r)})
	}
	for _, code := range schemas.FailureCodes() {
		f.Codes = append(f.Codes, choice{string(code), v.code(string(code)), slices.Contains(a.filter.FailureCodes, code)})
	}
	f.Ranges = v.rangesWith(a.query.Get("since"), a.query.Get("until"))
	f.Chips = a.chips(v)
	for _, name := range slices.Sorted(maps.Keys(a.query)) {
		for _, value := range a.query[name] {
			f.Keep = append(f.Keep, choice{Value: value, Label: name})
		}
	}
	return f
}

// rangesWith returns the ranges with the current one selected; it adds one that is not offered.
func (v *viewer) rangesWith(since, until string) []choice {
	custom := v.local(since) != "" || until != ""
	all := []choice{{"", v.T("range.all"), since == "" && !custom}}
	for _, age := range ranges[1:] {
		all = append(all, choice{age, v.T("range." + age), age == since && !custom})
	}
	if !slices.Contains(ranges, since) && !custom {
		all = append(all, choice{since, v.T("range.since", "Since", since), true})
	}
	return append(all, choice{rangeToday, v.T("range.today"), false}, choice{rangeYesterday, v.T("range.yesterday"), false},
		choice{rangeCustom, v.T("range.custom"), custom})
}

func (a asked) chips(v *viewer) []chip {
	var chips []chip
	for _, name := range pushrecords.FilterParameters() {
		values := a.query[name]
		if name == "still_failing" && a.filter.StillFailing {
			chips = append(chips, chip{v.T("chip.still_failing"), a.with(name)})
			continue
		}
		for i, value := range values {
			if name == "still_failing" {
				continue
			}
			others := slices.Delete(slices.Clone(values), i, i+1)
			chips = append(chips, chip{v.T("chip.pair", "Name", v.T("chip."+name), "Value", v.chipText(name, value)), a.with(name, others...)})
		}
	}
	return chips
}

func (v *viewer) chipText(name, value string) string {
	lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	switch {
	case len(lines) > 1:
		return v.T("filter.pasted", "N", len(lines))
	case name == "since" || name == "until":
		return v.instantText(value)
	case name == "shop_id" && v.names.of(value) != "":
		return v.shop(value)
	case name == "error_code":
		return v.bad(value)
	case name == "failure_code":
		return v.code(value)
	case name == "reason":
		if reason := schemas.ReasonOf(value); reason != 0 {
			return v.reason(reason.Label())
		}
	case name == "status":
		if status, ok := statusNamed(value); ok {
			return v.beside(v.status(status), status)
		}
	}
	return cutText(60, value)
}

func statusNamed(text string) (string, bool) {
	return text, slices.Contains(order, text) && text != ""
}
