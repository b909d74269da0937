package clickhouse

import (
	"context"
	"io"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// blockRows is how many rows are sent together. The server joins the blocks of an insert; here each
// block is in memory twice, encoded and compressed.
const blockRows = 8192

// column is one column of a table: its name, its values that are not sent yet, and how a row of T
// adds one. No value refers to the row's memory.
type column[T any] struct {
	name string
	// shown are the values of the block to send.
	shown proto.ColInput
	add   func(T)
	// keep truncates the column to its first n values and keeps the memory.
	keep func(n int)
	// show selects the rows from "from" up to "to" as the block to send.
	show func(from, to int)
}

// tableRows are rows of one table, encoded by column.
type tableRows[T any] struct {
	columns []column[T]
	rows    int
	// token identifies the present rows for the server. It is empty until they are sent.
	token string
}

func (t *tableRows[T]) add(row T) {
	for i := range t.columns {
		t.columns[i].add(row)
	}
	t.rows++
	t.token = ""
}

// keep truncates to the first n rows.
func (t *tableRows[T]) keep(n int) {
	for i := range t.columns {
		t.columns[i].keep(n)
	}
	t.rows, t.token = n, ""
}

// input returns the shown block of each column.
func (t *tableRows[T]) input() proto.Input {
	input := make(proto.Input, len(t.columns))
	for i, c := range t.columns {
		input[i] = proto.InputColumn{Name: c.name, Data: c.shown}
	}
	return input
}

// blocks returns a function that shows the next block on each call, and io.EOF after the last.
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

// numbers returns a column of numbers that value reads from a row.
func numbers[C ~[]V, V, T any, P interface {
	*C
	proto.ColInput
}](name string, value func(T) V) column[T] {
	shown := P(new(C))
	return values(name, shown, func(all []V) { *shown = all }, value)
}

// values returns a column whose block show sets.
func values[V, T any](name string, shown proto.ColInput, show func([]V), value func(T) V) column[T] {
	var all []V
	return column[T]{
		name:  name,
		shown: shown,
		add:   func(row T) { all = append(all, value(row)) },
		keep:  func(n int) { all = all[:n] },
		show:  func(from, to int) { show(all[from:to]) },
	}
}

// texts returns a column of strings. The server accepts them for LowCardinality too.
func texts[T any](name string, value func(T) string) column[T] {
	var all proto.ColStr
	shown := new(proto.ColStr)
	return column[T]{
		name:  name,
		shown: shown,
		add:   func(row T) { all.Append(value(row)) },
		keep: func(n int) {
			end := 0
			if n > 0 {
				end = all.Pos[n-1].End
			}
			all.Buf, all.Pos = all.Buf[:end], all.Pos[:n]
		},
		show: func(from, to int) { shown.Buf, shown.Pos = all.Buf, all.Pos[from:to] },
	}
}

// optionals returns a column of nullable numbers.
func optionals[T any](name string, value func(T) *int64) column[T] {
	var absent proto.ColUInt8
	var all proto.ColInt64
	present := new(proto.ColInt64)
	shown := proto.NewColNullable[int64](present)
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
		show: func(from, to int) { shown.Nulls, *present = absent[from:to], all[from:to] },
	}
}

// times returns a column of times in milliseconds.
func times[T any](name string, value func(T) time.Time) column[T] {
	shown := new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	return values(name, shown, func(all []proto.DateTime64) { shown.Data = all },
		func(row T) proto.DateTime64 { return proto.DateTime64(storable(value(row)).UnixMilli()) })
}

// enumeration is a column of an Enum8's numbers. The server knows their labels.
type enumeration struct {
	proto.ColInt8
	words proto.ColumnType
}

// Infer accepts the server's column type.
func (e *enumeration) Infer(t proto.ColumnType) error { e.words = t; return nil }

// Type returns the server's column type.
func (e *enumeration) Type() proto.ColumnType { return e.words }

// enumerations returns a column of an Enum8's numbers.
func enumerations[T any](name string, value func(T) int8) column[T] {
	shown := new(enumeration)
	return values(name, shown, func(all []int8) { shown.ColInt8 = all }, value)
}
