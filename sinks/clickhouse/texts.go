package clickhouse

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// wireTexts are texts as they are sent: each with its length before it. The client's own
// column takes two words of memory more for each, and copies all of them to send them.
type wireTexts struct {
	wire []byte
	// starts are where the first text of each block begins.
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

// keep forgets all but the first n texts.
func (t *wireTexts) keep(n int) {
	t.wire = t.wire[:t.startOf(n)]
	t.starts = t.starts[:(n+blockRows-1)/blockRows]
	t.rows = n
}

func (t *wireTexts) show(from, to int) {
	t.shown = shownTexts{t.wire[t.startOf(from):t.startOf(to)], to - from}
}

// startOf is where a text begins; for the one after the last, where that ends.
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

// shownTexts is a column of the client's.
type shownTexts struct {
	wire []byte
	rows int
}

// Type is the column's type.
func (t *shownTexts) Type() proto.ColumnType { return proto.ColumnTypeString }

// Rows is how many texts are sent.
func (t *shownTexts) Rows() int { return t.rows }

// EncodeColumn appends the texts.
func (t *shownTexts) EncodeColumn(b *proto.Buffer) { b.PutRaw(t.wire) }

// WriteColumn sends the texts.
func (t *shownTexts) WriteColumn(w *proto.Writer) { w.ChainWrite(t.wire) }
