package clickhouse

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// wireTexts are strings in the wire format, each with its length as a prefix. The client library's
// column needs two words more for each string and copies all of them to send them.
type wireTexts struct {
	wire []byte
	// starts are the offsets at which the blocks' first strings begin.
	starts []int
	rows   int
	shown  shownTexts
}

func (t *wireTexts) add(text string) {
	if t.rows%blockRows == 0 {
		t.starts = append(t.starts, len(t.wire))
	}
	t.wire = append(binary.AppendUvarint(t.wire, uint64(len(text))), text...)
	t.rows++
}

// keep truncates to the first n strings.
func (t *wireTexts) keep(n int) {
	t.wire = t.wire[:t.startOf(n)]
	t.starts = t.starts[:(n+blockRows-1)/blockRows]
	t.rows = n
}

func (t *wireTexts) show(from, to int) {
	t.shown = shownTexts{t.wire[t.startOf(from):t.startOf(to)], to - from}
}

// startOf returns the offset at which a string begins; for the one after the last, where the last
// ends.
func (t *wireTexts) startOf(row int) int {
	if row == t.rows {
		return len(t.wire)
	}
	at := t.starts[row/blockRows]
	for range row % blockRows {
		length, n := binary.Uvarint(t.wire[at:])
		at += n + int(length)
	}
	return at
}

// shownTexts is a proto.ColInput for one block of strings.
type shownTexts struct {
	wire []byte
	rows int
}

// Type returns the column's type.
func (t *shownTexts) Type() proto.ColumnType { return proto.ColumnTypeString }

// Rows returns how many strings are sent.
func (t *shownTexts) Rows() int { return t.rows }

// EncodeColumn appends the strings.
func (t *shownTexts) EncodeColumn(b *proto.Buffer) { b.PutRaw(t.wire) }

// WriteColumn sends the strings.
func (t *shownTexts) WriteColumn(w *proto.Writer) { w.ChainWrite(t.wire) }
