package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"stockpush/cmd/internal/console/texts"
	"stockpush/schemas"
)

// funcs are the templates' functions that are the same for every viewer.
var funcs = template.FuncMap{
	"id":      func(n any) string { return fmt.Sprint(n) },
	"asset":   func(name string) string { return assets[name] },
	"tone":    toneOf,
	"count":   countText,
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"known":   func(t time.Time) bool { return t.Unix() > 0 },
	"said":    func(text string) string { return cutText(reasonBytes, text) },
	"quantity": func(n *int64) string {
		if n == nil {
			return "–"
		}
		return countText(*n)
	},
	"shownKey":   func(text string) string { return cutText(keyBytes, text) },
	"shownValue": func(text string) string { return cutText(valueBytes, text) },
}

// toneOf returns a status's CSS class and icon.
func toneOf(status string) string {
	switch status {
	case schemas.Successfully.String():
		return "ok"
	case schemas.Failed.String():
		return "failed"
	case schemas.Pending.String():
		return "pending"
	case schemas.Skipped.String():
		return "skipped"
	default:
		return "waiting"
	}
}

// countText formats a number in groups of three digits.
func countText(n any) string {
	switch n := n.(type) {
	case int:
		return texts.Count(int64(n))
	case uint64:
		return texts.Count(int64(n))
	case int64:
		return texts.Count(n)
	default:
		return fmt.Sprint(n)
	}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func twoDigits(n int) string { return fmt.Sprintf("%02d", n) }

// abbreviations restores the case of abbreviations.
var abbreviations = strings.NewReplacer("json", "JSON", "utf8", "UTF-8", "sku", "SKU", "ip ", "IP ")

// plainWords returns an unknown code in words.
func plainWords(code string) string {
	words := abbreviations.Replace(strings.ReplaceAll(code, "_", " "))
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// cutText truncates a text to at most n bytes, at a character's boundary.
func cutText(n int, text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// link returns a path with a query.
func link(path string, query url.Values) string {
	if encoded := query.Encode(); encoded != "" {
		return path + "?" + encoded
	}
	return path
}

func historyLink(key schemas.Key) string {
	return link(pathHistory, url.Values{"shop_id": {strconv.FormatInt(key.ShopID, 10)}, "store_sku": {key.StoreSKU}})
}
