package clickhouse

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// column is one column of a table: its name, its values so far as they are sent,
// and how a row of T adds one. No value refers to the row's own memory.
type column[T any] struct {
	name   string
	values proto.ColInput
	add    func(T)
	// keep forgets all but the first n values, and keeps their memory.
	keep func(n int)
}

// block is rows of one table, column by column as they are sent.
type block[T any] struct {
	columns []column[T]
	rows    int
}

func (b *block[T]) add(row T) {
	for i := range b.columns {
		b.columns[i].add(row)
	}
	b.rows++
}

// keep forgets all rows but the first n.
func (b *block[T]) keep(n int) {
	for i := range b.columns {
		b.columns[i].keep(n)
	}
	b.rows = n
}

func (b *block[T]) input() proto.Input {
	input := make(proto.Input, len(b.columns))
	for i, c := range b.columns {
		input[i] = proto.InputColumn{Name: c.name, Data: c.values}
	}
	return input
}

// numbers makes a column of numbers from the function that reads a row's.
func numbers[C ~[]V, V, T any, P interface {
	*C
	proto.ColInput
}](name string, value func(T) V) column[T] {
	c := P(new(C))
	return column[T]{
		name:   name,
		values: c,
		add:    func(row T) { *c = append(*c, value(row)) },
		keep:   func(n int) { *c = (*c)[:n] },
	}
}

// texts makes a column of texts. The server takes them for LowCardinality, too.
func texts[T any](name string, value func(T) string) column[T] {
	c := new(proto.ColStr)
	return column[T]{
		name:   name,
		values: c,
		add:    func(row T) { c.Append(value(row)) },
		keep: func(n int) {
			c.Pos, c.Buf = c.Pos[:n], c.Buf[:endOf(c.Pos[:n])]
		},
	}
}

func endOf(texts []proto.Position) int {
	if len(texts) == 0 {
		return 0
	}
	return texts[len(texts)-1].End
}

// optionals makes a column of numbers that may be absent.
func optionals[T any](name string, value func(T) *int64) column[T] {
	c := proto.NewColNullable[int64](new(proto.ColInt64))
	values := c.Values.(*proto.ColInt64)
	return column[T]{
		name:   name,
		values: c,
		add: func(row T) {
			if v := value(row); v != nil {
				c.Nulls, *values = append(c.Nulls, 0), append(*values, *v)
				return
			}
			c.Nulls, *values = append(c.Nulls, 1), append(*values, 0)
		},
		keep: func(n int) { c.Nulls, *values = c.Nulls[:n], (*values)[:n] },
	}
}

// times makes a column of times, to the millisecond.
func times[T any](name string, value func(T) time.Time) column[T] {
	c := new(proto.ColDateTime64).WithPrecision(proto.PrecisionMilli).WithLocation(time.UTC)
	return column[T]{
		name:   name,
		values: c,
		add:    func(row T) { c.AppendRaw(proto.DateTime64(storable(value(row)).UnixMilli())) },
		keep:   func(n int) { c.Data = c.Data[:n] },
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
	c := new(enumeration)
	return column[T]{
		name:   name,
		values: c,
		add:    func(row T) { c.Append(value(row)) },
		keep:   func(n int) { c.ColInt8 = c.ColInt8[:n] },
	}
}
