package pushrecords

import (
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Columns are the names of a row type's columns, in the order of its fields.
func Columns[T any]() []string {
	var names []string
	for _, field := range fields[T]() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

// Cells are a row's values as text, in the order of Columns: times in RFC 3339
// with milliseconds, empty for what is absent.
func Cells[T any](row *T) []string {
	var cells []string
	value := reflect.ValueOf(row).Elem()
	for _, field := range fields[T]() {
		cells = append(cells, cell(value.FieldByIndex(field.Index).Interface()))
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

func cell(value any) string {
	switch v := value.(type) {
	case time.Time:
		if v.Unix() == 0 {
			return ""
		}
		return v.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case *int64:
		if v == nil {
			return ""
		}
		return fmt.Sprint(*v)
	default:
		return fmt.Sprint(v)
	}
}

// CSV writes rows as CSV with a line of column names.
type CSV[T any] struct {
	// Clean, if not nil, changes every text before it is written.
	Clean func(string) string
	w     *csv.Writer
}

// NewCSV writes the line of names.
func NewCSV[T any](w io.Writer) *CSV[T] {
	c := &CSV[T]{w: csv.NewWriter(w)}
	_ = c.w.Write(Columns[T]()) // Flush tells of it
	return c
}

// formulaStarts are the characters with which a cell is a formula; spreadsheets take the full-width ones for the others.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

func (c *CSV[T]) text(s string) string {
	if c.Clean != nil {
		s = c.Clean(s)
	}
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune(formulaStarts, first) {
		return "'" + s
	}
	return s
}

// Write writes rows. A text that a spreadsheet would take for a formula gets an
// apostrophe before it, as spreadsheets themselves do; JSON has it unchanged.
func (c *CSV[T]) Write(rows []T) error {
	for i := range rows {
		cells := Cells(&rows[i])
		for j, field := range fields[T]() {
			if field.Type.Kind() == reflect.String {
				cells[j] = c.text(cells[j])
			}
		}
		_ = c.w.Write(cells) // Flush tells of it
	}
	c.w.Flush()
	return c.w.Error()
}
