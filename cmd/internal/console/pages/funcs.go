package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"stockpush/schemas"
)

var funcs = template.FuncMap{
	"asset":    func(name string) string { return assets[name] },
	"tone":     toneOf,
	"count":    countText,
	"when":     func(t time.Time) string { return t.UTC().Format("2 Jan, 15:04:05") },
	"machine":  func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"age":      func(t time.Time) string { return ageText(time.Since(t)) },
	"known":    func(t time.Time) bool { return t.Unix() > 0 },
	"hint":     func(code string) string { return schemas.FailureCode(code).Hint() },
	"words":    codeWords,
	"said":     func(text string) string { return cutText(reasonBytes, text) },
	"between":  func(a, b time.Time) string { return durationText(b.Sub(a)) },
	"duration": func(ms float64) string { return durationText(time.Duration(ms * float64(time.Millisecond))) },
	"quantity": func(n *int64) string {
		if n == nil {
			return "–"
		}
		return countText(*n)
	},
	"cause":      causeText,
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
	text := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(max(0, int(d/time.Second))) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	default:
		return strconv.Itoa(int(d/(24*time.Hour))) + " days ago"
	}
}

func durationText(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// abbreviations restores the case of abbreviations.
var abbreviations = strings.NewReplacer("json", "JSON", "utf8", "UTF-8", "sku", "SKU", "ip ", "IP ")

// codeWords returns a failure code in words. Links keep the code.
func codeWords(code string) string {
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
