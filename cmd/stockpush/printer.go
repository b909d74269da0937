package main

import (
	"fmt"

	"stockpush/cmd/internal/pushrecords"
)

// printer prints the pages of one list.
type printer[T any] interface {
	page(list pushrecords.List[T], last bool) error
}

func newPrinter[T any](a *app, output string, s shown[T]) (printer[T], error) {
	switch output {
	case "csv":
		return csvPrinter[T]{pushrecords.NewCSV[T](a.stdout)}, nil
	case "json":
		return &jsonPrinter[T]{app: a}, nil
	default:
		return &tablePrinter[T]{app: a, shown: s}, nil
	}
}

// csvPrinter writes as the pages come.
type csvPrinter[T any] struct{ csv *pushrecords.CSV[T] }

func (p csvPrinter[T]) page(list pushrecords.List[T], _ bool) error { return p.csv.Write(list.Items) }

// jsonPrinter writes one document, as the API answers.
type jsonPrinter[T any] struct {
	app *app
	all pushrecords.List[T]
}

func (p *jsonPrinter[T]) page(list pushrecords.List[T], last bool) error {
	p.all.Items = append(p.all.Items, list.Items...)
	p.all.NextCursor = list.NextCursor
	if !last {
		return nil
	}
	if p.all.Items == nil {
		p.all.Items = []T{}
	}
	return p.app.printJSON(p.all)
}

// tablePrinter needs all rows to know how wide the columns are.
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
		_, _ = fmt.Fprintln(p.app.stderr, "there are more; give --limit")
	}
	return nil
}
