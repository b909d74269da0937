package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	filter, err := pushrecords.ParseFilter(query, c.now())
	return asked{query, filter, r.URL.Path}, err
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
	Shop, StoreSKUs        string
	MerchantSKUs, Until    string
	Statuses, Reasons      []choice
	Codes, Ranges          []choice
	StillFailing, Anything bool
	// ManyReasons and ManyCodes report that several are selected.
	ManyReasons, ManyCodes bool
	Chips                  []chip
	// Keep are the query's parameters, for forms that submit the filter too.
	Keep []choice
}

// ranges are the time ranges offered.
var ranges = []choice{
	{"", "30 days, all there is", false}, {"15m", "the last 15 minutes", false}, {"1h", "the last hour", false}, {"6h", "the last 6 hours", false},
	{"24h", "the last 24 hours", false}, {"72h", "the last 3 days", false}, {"168h", "the last 7 days", false},
}

func (a asked) form() form {
	f := form{
		Action: a.path, Clear: a.path, Shop: a.query.Get("shop_id"), Until: a.query.Get("until"),
		StoreSKUs: strings.Join(a.filter.StoreSKUs, "\n"), MerchantSKUs: strings.Join(a.filter.MerchantSKUs, "\n"),
		StillFailing: a.filter.StillFailing, Anything: len(a.query) > 0,
		ManyReasons: len(a.filter.Reasons) > 1, ManyCodes: len(a.filter.FailureCodes) > 1,
	}
	for _, s := range []schemas.Status{schemas.Failed, schemas.Pending, schemas.Successfully, schemas.Skipped} {
		f.Statuses = append(f.Statuses, choice{s.String(), s.String(), slices.Contains(a.filter.Statuses, s)})
	}
	for _, r := range schemas.Reasons() {
		f.Reasons = append(f.Reasons, choice{r.Slug(), r.Label(), slices.Contains(a.filter.Reasons, r)})
	}
	for _, code := range schemas.FailureCodes() {
		f.Codes = append(f.Codes, choice{string(code), codeWords(string(code)), slices.Contains(a.filter.FailureCodes, code)})
	}
	f.Ranges = rangesWith(a.query.Get("since"))
	f.Chips = a.chips()
	for _, name := range slices.Sorted(maps.Keys(a.query)) {
		for _, value := range a.query[name] {
			f.Keep = append(f.Keep, choice{Value: value, Label: name})
		}
	}
	return f
}

// rangesWith returns the ranges with the current one selected; it adds one that is not offered.
func rangesWith(since string) []choice {
	all := slices.Clone(ranges)
	for i := range all {
		if all[i].Value == since {
			all[i].Chosen = true
			return all
		}
	}
	return append(all, choice{since, "since " + since, true})
}

var chipNames = map[string]string{
	"shop_id": "shop", "store_sku": "store SKU", "merchant_sku": "merchant SKU", "status": "status", "reason": "reason",
	"failure_code": "failure", "since": "since", "until": "until",
}

func (a asked) chips() []chip {
	var chips []chip
	for _, name := range pushrecords.FilterParameters() {
		values := a.query[name]
		if name == "still_failing" && a.filter.StillFailing {
			chips = append(chips, chip{"still failing", a.with(name)})
			continue
		}
		for i, value := range values {
			if chipNames[name] == "" {
				continue
			}
			others := slices.Delete(slices.Clone(values), i, i+1)
			chips = append(chips, chip{chipNames[name] + ": " + chipText(name, value), a.with(name, others...)})
		}
	}
	return chips
}

func chipText(name, value string) string {
	lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	switch {
	case len(lines) > 1:
		return countText(len(lines)) + " pasted"
	case name == "failure_code":
		return codeWords(value)
	case name == "reason":
		if reason, err := schemas.ParseReason(value); err == nil {
			return reason.Label()
		}
	}
	return cutText(60, value)
}
