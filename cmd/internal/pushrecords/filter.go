package pushrecords

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stockpush/schemas"
)

// MaxValues is how many values a filter takes for one parameter.
const MaxValues = 1000

// Filter chooses rows; its zero value chooses all (see IsZero). Conditions of
// different fields must all hold, of several values of one field any.
type Filter struct {
	// ShopID is 0 for all shops.
	ShopID int64
	// StoreSKUs and MerchantSKUs are exact; empty for all.
	StoreSKUs    []string
	MerchantSKUs []string
	// Statuses, Reasons and FailureCodes are of the last push in lists of store
	// SKUs, of the record elsewhere; empty for all.
	Statuses     []schemas.Status
	Reasons      []schemas.Reason
	FailureCodes []schemas.FailureCode
	// Since and Until bound the (last) trigger's time, Since inclusive, Until
	// exclusive; zero is open.
	Since, Until time.Time
	// Items are of the record, and of nothing else; empty for all. A URL has no
	// parameter for them.
	Items []Item
	// StillFailing chooses, in lists of store SKUs, those with a failure that
	// nothing has mended yet.
	StillFailing bool
}

// IsZero reports whether the filter has no condition, and so chooses all rows.
func (f Filter) IsZero() bool { return len(f.Items) == 0 && len(f.Values()) == 0 }

// Item is an item of a shop.
type Item struct{ ShopID, ItemID int64 }

// Compare orders items by shop.
func (i Item) Compare(other Item) int {
	return cmp.Or(cmp.Compare(i.ShopID, other.ShopID), cmp.Compare(i.ItemID, other.ItemID))
}

// The names of a filter's parameters in URLs.
const (
	paramShop         = "shop_id"
	paramStoreSKU     = "store_sku"
	paramMerchantSKU  = "merchant_sku"
	paramStatus       = "status"
	paramReason       = "reason"
	paramFailureCode  = "failure_code"
	paramSince        = "since"
	paramUntil        = "until"
	paramStillFailing = "still_failing"
)

// FilterParameters lists the parameters that ParseFilter reads.
func FilterParameters() []string {
	return []string{paramShop, paramStoreSKU, paramMerchantSKU, paramStatus, paramReason, paramFailureCode, paramSince, paramUntil, paramStillFailing}
}

// IsBlank reports whether ParseFilter takes a parameter's value for none: it is
// empty, or has several lines, which are all empty.
func IsBlank(value string) bool {
	return value == "" || strings.ContainsAny(value, "\r\n") && strings.TrimSpace(value) == ""
}

// ParseFilter reads a filter from a URL's parameters and ignores all others. An
// empty value is the same as none. Its error is a *ParameterError.
func ParseFilter(v url.Values, now time.Time) (Filter, error) {
	p := parser{values: v, now: now}
	f := Filter{
		ShopID:       p.shop(),
		StoreSKUs:    p.skus(paramStoreSKU),
		MerchantSKUs: p.skus(paramMerchantSKU),
		Statuses:     parseAll(&p, paramStatus, parseStatus),
		Reasons:      parseAll(&p, paramReason, parseReason),
		FailureCodes: parseAll(&p, paramFailureCode, parseFailureCode),
		Since:        p.time(paramSince),
		Until:        p.time(paramUntil),
		StillFailing: p.flag(paramStillFailing),
	}
	if p.err == nil && !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		p.err = badParameter(paramSince, "is not before until")
	}
	if p.err != nil {
		return Filter{}, p.err
	}
	return f, nil
}

// Values are the filter's parameters, for a link that others can open.
func (f Filter) Values() url.Values {
	v := url.Values{}
	if f.ShopID != 0 {
		v.Set(paramShop, strconv.FormatInt(f.ShopID, 10))
	}
	add := func(name string, values []string) {
		if len(values) > 0 {
			v[name] = slices.Clone(values)
		}
	}
	add(paramStoreSKU, f.StoreSKUs)
	add(paramMerchantSKU, f.MerchantSKUs)
	add(paramStatus, words(f.Statuses, schemas.Status.String))
	add(paramReason, words(f.Reasons, schemas.Reason.Slug))
	add(paramFailureCode, words(f.FailureCodes, codeText))
	for name, t := range map[string]time.Time{paramSince: f.Since, paramUntil: f.Until} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if f.StillFailing {
		v.Set(paramStillFailing, "true")
	}
	return v
}

func words[T any](items []T, word func(T) string) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = word(item)
	}
	return all
}

func codeText(c schemas.FailureCode) string { return string(c) }

// parser keeps the first error, so that every parameter reads as one line.
type parser struct {
	values url.Values
	now    time.Time
	err    error
}

func (p *parser) fail(name, format string, values ...any) {
	if p.err == nil {
		p.err = badParameter(name, format, values...)
	}
}

// all are the parameter's values that are not empty, each once.
func (p *parser) all(name string) []string {
	var kept []string
	seen := map[string]bool{"": true}
	for _, value := range p.values[name] {
		if !seen[value] {
			seen[value] = true
			kept = append(kept, value)
		}
	}
	if len(kept) > MaxValues {
		p.fail(name, "%d values are more than %d", len(kept), MaxValues)
		return nil
	}
	return kept
}

// single is the parameter's only value; empty if it has none.
func (p *parser) single(name string) string {
	switch all := p.all(name); len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		p.fail(name, "is given %d times, and takes one value", len(all))
		return ""
	}
}

func (p *parser) shop() int64 {
	text := p.single(paramShop)
	if text == "" {
		return 0
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		p.fail(paramShop, "%q is not a shop id, a whole number above 0", text)
	}
	return id
}

// skus takes a value as it is, and one of several lines as a pasted list, whose
// lines are trimmed.
func (p *parser) skus(name string) []string {
	lines := parser{values: url.Values{}}
	for _, value := range p.values[name] {
		if !strings.ContainsAny(value, "\r\n") {
			lines.values.Add(name, value)
			continue
		}
		for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\r' || r == '\n' }) {
			lines.values.Add(name, strings.TrimSpace(line))
		}
	}
	all := lines.all(name)
	if lines.err != nil && p.err == nil {
		p.err = lines.err
	}
	return all
}

func (p *parser) time(name string) time.Time {
	text := p.single(name)
	if text == "" {
		return time.Time{}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return p.now.Add(-age)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 || at.Year() > 2200 {
		p.fail(name, "%q is neither a time such as 2026-01-31T08:00:00Z nor an age such as 24h", text)
	}
	return at
}

func (p *parser) flag(name string) bool {
	text := p.single(name)
	if text == "" {
		return false
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(name, "%q is not true or false", text)
	}
	return on
}

func parseAll[T any](p *parser, name string, parse func(string) (T, bool)) []T {
	var items []T
	for _, text := range p.all(name) {
		item, ok := parse(text)
		if !ok {
			p.fail(name, "%q is not known", text)
			return nil
		}
		items = append(items, item)
	}
	return items
}

func parseStatus(text string) (schemas.Status, bool) {
	for s := schemas.Pending; s <= schemas.Successfully; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// parseReason takes the slug, and the label too, which is what rows show.
func parseReason(text string) (schemas.Reason, bool) {
	for _, r := range schemas.Reasons() {
		if r.Slug() == text || r.Label() == text {
			return r, true
		}
	}
	return 0, false
}

func parseFailureCode(text string) (schemas.FailureCode, bool) {
	code := schemas.FailureCode(text)
	return code, code.Valid()
}
