package pages

import "html/template"

const (
	// rowsBytes limits the rows of a page, so that the page is under 200 kB.
	rowsBytes = 160_000
	// reasonBytes limits Shopee's message in a list.
	reasonBytes = 600
)

// fitting returns how many of the rows fit into a page, at least one.
func fitting[T any](rows []T, size func(*T) int) int {
	sum := 0
	for i := range rows {
		if sum += size(&rows[i]); sum > rowsBytes && i > 0 {
			return i
		}
	}
	return len(rows)
}

// escaped returns a text's length in HTML.
func escaped(text string) int { return len(template.HTMLEscapeString(text)) }
