package pushrecords

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"stockpush/schemas"
)

// MaxValues limits the values of one parameter.
const MaxValues = 1000

// Filter selects rows; its zero value selects all (see IsZero). Conditions on different fields must
// all hold; of several values of one field, any.
type Filter struct {
	// Shops are shop ids; empty selects all.
	Shops []int64
	// StoreSKUs and MerchantSKUs match exactly; empty selects all.
	StoreSKUs    []string
	MerchantSKUs []string
	// Query is a part of a store SKU or merchant SKU, in any case; in rejected events, of the key or
	// the message. Empty selects all.
	Query string
	// Statuses, Reasons and FailureCodes refer to the last push in lists of store SKUs, and to the
	// record elsewhere. Empty selects all.
	Statuses     []schemas.Status
	Reasons      []schemas.Reason
	FailureCodes []schemas.FailureCode
	// Since (inclusive) and Until (exclusive) limit the time of the (last) trigger; zero means no
	// limit. If Since is not before Until, nothing matches.
	Since, Until time.Time
	// ErrorCodes select rejected events by why they were rejected; empty selects all.
	ErrorCodes []string
	// Items selects records by item; empty selects all. It has no URL parameter.
	Items []Item
	// StillFailing selects, in lists of store SKUs, those with an unresolved failure.
	StillFailing bool
}

// IsZero reports whether the filter has no condition and so selects all rows.
func (f Filter) IsZero() bool { return len(f.Items) == 0 && len(f.Values()) == 0 }

// Item is an item of a shop.
type Item struct{ ShopID, ItemID int64 }

// Compare orders items by shop.
func (i Item) Compare(other Item) int {
	return cmp.Or(cmp.Compare(i.ShopID, other.ShopID), cmp.Compare(i.ItemID, other.ItemID))
}

// The URL parameters of a filter.
const (
	paramShop         = "shop_id"
	paramQuery        = "q"
	paramStoreSKU     = "store_sku"
	paramMerchantSKU  = "merchant_sku"
	paramNoMerchant   = "no_merchant"
	paramErrorCode    = "error_code"
	paramStatus       = "status"
	paramReason       = "reason"
	paramFailureCode  = "failure_code"
	paramSince        = "since"
	paramUntil        = "until"
	paramStillFailing = "still_failing"
)

// FilterParameters lists the parameters that ParseFilter reads.
func FilterParameters() []string {
	return []string{paramQuery, paramShop, paramStoreSKU, paramMerchantSKU, paramStatus, paramReason, paramFailureCode, paramSince, paramUntil, paramStillFailing, paramNoMerchant, paramErrorCode}
}

// IsBlank reports whether ParseFilter ignores a value: it is empty, or all its lines are.
func IsBlank(value string) bool {
	return value == "" || strings.ContainsAny(value, "\r\n") && strings.TrimSpace(value) == ""
}

// ParseFilter reads a filter from URL parameters and ignores all others. An empty value equals an
// absent one. Its error is a *ParameterError.
func ParseFilter(v url.Values, now time.Time) (Filter, error) {
	p := parser{values: v, now: now}
	f := Filter{
		Shops:        p.shops(),
		Query:        p.query(),
		StoreSKUs:    p.skus(paramStoreSKU),
		MerchantSKUs: p.skus(paramMerchantSKU),
		Statuses:     parseAll(&p, paramStatus, schemas.Statuses(), schemas.Status.String),
		Reasons:      parseAll(&p, paramReason, schemas.Reasons(), schemas.Reason.Slug, schemas.Reason.Label),
		FailureCodes: parseAll(&p, paramFailureCode, schemas.FailureCodes(), codeText),
		Since:        p.time(paramSince),
		Until:        p.time(paramUntil),
		StillFailing: p.flag(paramStillFailing),
	}
	f.ErrorCodes = parseAll(&p, paramErrorCode, schemas.BadEventCodes(), func(code string) string { return code })
	if p.flag(paramNoMerchant) {
		f.MerchantSKUs = []string{""}
	}
	if p.err != nil {
		return Filter{}, p.err
	}
	return f, nil
}

// Values returns the filter as URL parameters.
func (f Filter) Values() url.Values {
	v := url.Values{}
	if f.Query != "" {
		v.Set(paramQuery, f.Query)
	}
	add := func(name string, values []string) {
		if len(values) > 0 {
			v[name] = slices.Clone(values)
		}
	}
	add(paramShop, words(f.Shops, signedText))
	add(paramStoreSKU, f.StoreSKUs)
	if slices.Equal(f.MerchantSKUs, []string{""}) {
		v.Set(paramNoMerchant, "true")
	} else {
		add(paramMerchantSKU, f.MerchantSKUs)
	}
	add(paramErrorCode, f.ErrorCodes)
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

// parser keeps the first error, so that each parameter is one line.
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

// all returns the parameter's distinct non-empty values.
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

// single returns the parameter's only value, or the empty string.
func (p *parser) single(name string) string {
	switch all := p.all(name); len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	default:
		p.fail(name, "is given %d times, but accepts one value", len(all))
		return ""
	}
}

func (p *parser) shops() (ids []int64) {
	for _, text := range p.skus(paramShop) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			p.fail(paramShop, "%q is not a shop id, a whole number above 0", text)
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// MaxQueryBytes limits a search text; no SKU is longer.
const MaxQueryBytes = 255

// query returns the search text without the space around it, composed as SKUs mostly are.
func (p *parser) query() string {
	text := norm.NFC.String(strings.TrimSpace(p.single(paramQuery)))
	if len(text) > MaxQueryBytes || !utf8.ValidString(text) {
		p.fail(paramQuery, "is longer than %d bytes or not UTF-8", MaxQueryBytes)
	}
	return text
}

// skus returns a value as it is; a value of several lines is a list, whose lines are trimmed.
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
	at, err := time.Parse(time.RFC3339, text)
	if age.MatchString(text) {
		ago, _ := time.ParseDuration(text) // it is no longer than a duration can be
		at, err = p.now.Add(-ago), nil
	}
	if err != nil {
		p.fail(name, "%q is neither a time such as 2026-01-31T08:00:00Z nor an age such as 24h", text)
		return time.Time{}
	}
	switch {
	case at.Before(earliest):
		return earliest
	case at.After(latest):
		return latest
	}
	return at
}

// age is a time ago, such as 24h, 1h30m or 1.5h.
var age = regexp.MustCompile(`^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}$`)

// ClickHouse knows no time outside of these, and nothing was triggered then.
var earliest, latest = time.Unix(0, 0).UTC(), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *parser) flag(name string) bool {
	text := p.single(name)
	if text == "" {
		return false
	}
	if text != "true" && text != "false" {
		p.fail(name, "%q is not true or false", text)
	}
	return text == "true"
}

// parseAll reads a parameter whose values are of a closed set. Each is named by one of its words, in
// any case. An error lists the first word of each.
func parseAll[T any](p *parser, name string, set []T, as ...func(T) string) []T {
	var items []T
	for _, text := range p.all(name) {
		at := slices.IndexFunc(set, func(item T) bool {
			return slices.ContainsFunc(as, func(word func(T) string) bool { return strings.EqualFold(word(item), text) })
		})
		if at < 0 {
			p.fail(name, "%q is unknown; choose from %s", text, strings.Join(words(set, as[0]), ", "))
			return nil
		}
		items = append(items, set[at])
	}
	return items
}
