package pushrecords

import (
	"encoding/json"
	"strconv"
	"strings"
)

// sortColumn is a column that a list is sorted by.
type sortColumn struct {
	name string
	kind kind
	down bool
}

// listing is a list with keyset pagination: every page costs the same, and new rows do not shift
// pages.
type listing[T any] struct {
	// name is the list's name in cursors.
	name string
	// from is the query without its conditions.
	from string
	// sort must distinguish any two rows.
	sort []sortColumn
	// place returns a row's values of the sort columns.
	place func(*T) []string
}

func afterName(i int) string { return "after" + strconv.Itoa(i) }

// after returns the condition for the rows after a cursor. (a, b) after (x, y) is a >= x AND (a > x
// OR (a = x AND b > y)), which ClickHouse's index understands and which allows descending columns.
func after(columns []sortColumn) string {
	var deeper string
	for i := len(columns) - 1; i >= 0; i-- {
		c := columns[i]
		than, parameter := " > ", "{"+afterName(i)+":"+string(c.kind)+"}"
		if c.down {
			than = " < "
		}
		here := c.name + than + parameter
		if deeper != "" {
			here = "(" + here + " OR (" + c.name + " = " + parameter + " AND " + deeper + "))"
		}
		deeper = here
	}
	return columns[0].bound() + " AND " + deeper
}

// bound returns the part of after for the first column.
func (c sortColumn) bound() string {
	than := " >= "
	if c.down {
		than = " <= "
	}
	return c.name + than + "{" + afterName(0) + ":" + string(c.kind) + "}"
}

func orderBy(columns []sortColumn) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
		if c.down {
			names[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(names, ", ")
}

// query returns the page's query, which reads one row more than the page has.
func (l listing[T]) query(w where, p Page, limit int) (string, []any, error) {
	if p.Cursor != "" {
		_, args, err := decodeCursor(l.name, l.sort, p.Cursor)
		if err != nil {
			return "", nil, err
		}
		w.add(after(l.sort), args...)
	}
	return l.from + w.String() + orderBy(l.sort) + " LIMIT " + strconv.Itoa(limit+1), w.args, nil
}

// page cuts rows to the page. more reports that rows ended early because of maxListBytes.
func (l listing[T]) page(rows []T, limit int, more bool) List[T] {
	fit := min(len(rows), limit)
	for bytes, i := 0, 0; i < fit; i++ {
		if bytes += jsonBytes(&rows[i]); bytes > maxListBytes && i > 0 {
			fit = i
		}
	}
	if fit == len(rows) && !more {
		return List[T]{Items: append([]T{}, rows...)}
	}
	return List[T]{Items: rows[:fit], NextCursor: encodeCursor(l.name, l.place(&rows[fit-1]))}
}

// maxListBytes limits a list's answer as JSON. With long rows a page has fewer rows, but at least
// one.
const maxListBytes = 8 << 20

// jsonBytes returns a row's length as JSON.
func jsonBytes[T any](row *T) int {
	raw, err := json.Marshal(row)
	if err != nil {
		panic(err) // rows are texts, numbers and times
	}
	return len(raw)
}
