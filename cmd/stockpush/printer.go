package main

import (
	"encoding/json"
	"fmt"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/rowcsv"
)

// printer prints the pages of a list.
type printer[T any] interface {
	page(list pushrecords.List[T], last bool) error
}

func newPrinter[T any](a *app, output string, s shown[T]) (printer[T], error) {
	switch output {
	case "csv":
		csv := rowcsv.New[T](a.stdout)
		if isTerminal(a.stdout) {
			csv.Clean = plain
		}
		return csvPrinter[T]{csv}, nil
	case "json":
		return &jsonPrinter[T]{app: a}, nil
	default:
		return &tablePrinter[T]{app: a, shown: s}, nil
	}
}

// csvPrinter prints each page as it arrives.
type csvPrinter[T any] struct{ csv *rowcsv.Writer[T] }

func (p csvPrinter[T]) page(list pushrecords.List[T], _ bool) error { return p.csv.Write(list.Items) }

// jsonPrinter prints one document in the API's format, page by page.
type jsonPrinter[T any] struct {
	app   *app
	begun bool
}

func (p *jsonPrinter[T]) page(list pushrecords.List[T], last bool) error {
	for i := range list.Items {
		raw, err := json.MarshalIndent(&list.Items[i], "    ", "  ")
		if err != nil {
			return err
		}
		before := ",\n    "
		if !p.begun {
			before, p.begun = "{\n  \"items\": [\n    ", true
		}
		if _, err := fmt.Fprintf(p.app.stdout, "%s%s", before, escapeUnprintable(raw)); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	begin, end := "{\n  \"items\": [", "]"
	if p.begun {
		begin, end = "", "\n  ]"
	}
	_, err := fmt.Fprintf(p.app.stdout, "%s%s,\n  \"next_cursor\": %q\n}\n", begin, end, list.NextCursor) // a cursor is base64url
	return err
}

// tablePrinter collects all rows, because the columns' widths depend on them.
type tablePrinter[T any] struct {
	app   *app
	shown shown[T]
	rows  []T
}

func (p *tablePrinter[T]) page(list pushrecords.List[T], last bool) error {
	p.rows = append(p.rows, list.Items...)
	if !last {
		return nil
	}
	if len(p.rows) == 0 {
		_, err := fmt.Fprintln(p.app.stdout, "nothing matches")
		return err
	}
	t := p.app.newTable(p.shown.header...)
	for i := range p.rows {
		t.AppendRow(p.shown.cells(&p.rows[i]))
	}
	t.Render()
	if list.NextCursor != "" {
		_, _ = fmt.Fprintln(p.app.stderr, "there are more; use --limit")
	}
	return nil
}
