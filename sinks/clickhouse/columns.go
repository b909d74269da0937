package clickhouse

import (
	"context"
	"io"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// blockRows is how many rows are sent together. The server joins the blocks of an
// insert again; here each of them is held twice, encoded and compressed.
const blockRows = 8192

// column is one column of a table: its name, its values so far as they are sent,
// and how a row of T adds one. No value refers to the row's own memory.
type column[T any] struct {
	name string
	// shown are the values of the block that is sent.
	shown proto.ColInput
	add   func(T)
	// keep forgets all but the first n values, and keeps their memory.
	keep func(n int)
	// show makes the values from one row to before another those that are sent.
	show func(from, to int)
}

// tableRows are rows of one table, column by column as they are sent.
type tableRows[T any] struct {
	columns []column[T]
	rows    int
}

func (t *tableRows[T]) add(row T) {
	for i := range t.columns {
		t.columns[i].add(row)
	}
	t.rows++
}

// keep forgets all rows but the first n.
func (t *tableRows[T]) keep(n int) {
	for i := range t.columns {
		t.columns[i].keep(n)
	}
	t.rows = n
}

// input is what is shown, of each column.
func (t *tableRows[T]) input() proto.Input {
	input := make(proto.Input, len(t.columns))
	for i, c := range t.columns {
		input[i] = proto.InputColumn{Name: c.name, Data: c.shown}
	}
	return input
}

// blocks shows the rows in blocks, one a call; in the end none, with io.EOF.
func (t *tableRows[T]) blocks() (next func(context.Context) error) {
	from := 0
	t.show(0, 0)
	return func(context.Context) error {
		to := min(from+blockRows, t.rows)
		t.show(from, to)
		if from == to {
			return io.EOF
		}
		from = to
		return nil
	}
}

func (t *tableRows[T]) show(from, to int) {
	for i := range t.columns {
		t.columns[i].show(from, to)
	}
}

// numbers makes a column of numbers from the function that reads a row's.
func numbers[C ~[]V, V, T any, P interface {
	*C
	proto.ColInput
}](name string, value func(T) V) column[T] {
	var all C
	shown := P(new(C))
	return column[T]{
		name:  name,
		shown: shown,
		add:   func(row T) { all = append(all, value(row)) },
		keep:  func(n int) { all = all[:n] },
		show:  func(from, to int) { *shown = all[from:to] },
	}
}

// texts makes a column of texts. The server takes them for LowCardinality, too.
func texts[T any](name string, value func(T) string) column[T] {
	c := new(wireTexts)
	return column[T]{
		name:  name,
		shown: &c.shown,
		add:   func(row T) { c.add(value(row)) },
		keep:  c.keep,
		show:  c.show,
	}
}

// optionals makes a column of numbers that may be absent.
func optionals[T any](name string, value func(T) *int64) column[T] {
	var absent proto.ColUInt8
	var all proto.ColInt64
	values := new(proto.ColInt64)
	shown := proto.NewColNullable[int64](values)
	return column[T]{
		name:  name,
		shown: shown,
		add: func(row T) {
			if v := value(row); v != nil {
				absent, all = append(absent, 0), append(all, *v)
				return
			}
			absent, all = append(absent, 1), append(all, 0)
		},
		keep: func(n int) { absent, all = absent[:n], all[:n] },
		show: func(from, to int) { shown.Nulls, *values = absent[from:to], all[from:to] },
	}
}

// times makes a column of times, to the millisecond.
func times[T any](name string, value func(T) time.Time) column[T] {
	var all []proto.DateTime64
	shown := new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	return column[T]{
		name:  name,
		shown: shown,
		add:   func(row T) { all = append(all, proto.DateTime64(storable(value(row)).UnixMilli())) },
		keep:  func(n int) { all = all[:n] },
		show:  func(from, to int) { shown.Data = all[from:to] },
	}
}

// enumeration is a column of an Enum8's numbers; the server says which words it has.
type enumeration struct {
	proto.ColInt8
	words proto.ColumnType
}

// Infer takes the column's type from the server.
func (e *enumeration) Infer(t proto.ColumnType) error { e.words = t; return nil }

// Type is the server's.
func (e *enumeration) Type() proto.ColumnType { return e.words }

// enumerations makes a column of an Enum8's numbers.
func enumerations[T any](name string, value func(T) int8) column[T] {
	var all proto.ColInt8
	shown := new(enumeration)
	return column[T]{
		name:  name,
		shown: shown,
		add:   func(row T) { all = append(all, value(row)) },
		keep:  func(n int) { all = all[:n] },
		show:  func(from, to int) { shown.ColInt8 = all[from:to] },
	}
}
