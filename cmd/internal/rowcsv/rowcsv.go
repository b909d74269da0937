// Package rowcsv writes structs as rows of CSV that spreadsheets open safely.
//
// The JSON tags of the fields are the column names. A Writer is not safe for concurrent use.
package rowcsv

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// columns returns the column names of a row type, in the order of its fields.
func columns[T any]() []string {
	var names []string
	for _, field := range fields[T]() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

// cellsOf returns a row's values as text in the order of columns: times in RFC 3339 with
// milliseconds in a zone, absent values as empty strings.
func cellsOf[T any](row *T, zone *time.Location) []string {
	var cells []string
	value := reflect.ValueOf(row).Elem()
	for _, field := range fields[T]() {
		cells = append(cells, cell(value.FieldByIndex(field.Index).Interface(), zone))
	}
	return cells
}

func fields[T any]() []reflect.StructField {
	var all []reflect.StructField
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if !field.Anonymous {
			all = append(all, field)
		}
	}
	return all
}

func cell(value any, zone *time.Location) string {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		return cell(v.Elem().Interface(), zone)
	}
	if at, ok := value.(time.Time); ok {
		return at.In(zone).Format("2006-01-02T15:04:05.000Z07:00")
	}
	return fmt.Sprint(value)
}

// Writer writes rows as CSV with a header line.
type Writer[T any] struct {
	// Clean, if not nil, changes every text before it is written.
	Clean func(string) string
	// Zone is the zone of times; nil means UTC.
	Zone *time.Location
	w    *csv.Writer
}

// New writes the header line.
func New[T any](w io.Writer) *Writer[T] {
	c := &Writer[T]{w: csv.NewWriter(w)}
	_ = c.w.Write(columns[T]()) // Flush returns the error
	return c
}

// formulaStarts are the characters that start a formula in a spreadsheet, full-width ones included.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

func (c *Writer[T]) text(s string) string {
	if c.Clean != nil {
		s = c.Clean(s)
	}
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune(formulaStarts, first) {
		return "'" + s
	}
	return s
}

// Write writes rows. A text that a spreadsheet would read as a formula gets an apostrophe as
// prefix.
func (c *Writer[T]) Write(rows []T) error {
	for i := range rows {
		cells := cellsOf(&rows[i], cmp.Or(c.Zone, time.UTC))
		for j, field := range fields[T]() {
			if field.Type.Kind() == reflect.String {
				cells[j] = c.text(cells[j])
			}
		}
		_ = c.w.Write(cells) // Flush returns the error
	}
	c.w.Flush()
	return c.w.Error()
}
