package pages

import "html/template"

const (
	// rowsBytes bounds what a page's rows come to, so that a page is under 200 kB.
	rowsBytes = 160_000
	// reasonBytes is how much of Shopee's own message is shown beside others.
	reasonBytes = 600
)

// fitting is how many of the rows a page has room for, at least one.
func fitting[T any](rows []T, size func(*T) int) int {
	sum := 0
	for i := range rows {
		if sum += size(&rows[i]); sum > rowsBytes && i > 0 {
			return i
		}
	}
	return len(rows)
}

// escaped is a text's length in HTML.
func escaped(text string) int { return len(template.HTMLEscapeString(text)) }
