// Package protobuf reads and writes the fields of Protobuf messages, without reflection. It knows
// none of our messages.
package protobuf

import (
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field is one decoded field: Value is set for varints, and Bytes for what has a length.
type Field struct {
	Num   protowire.Number
	Typ   protowire.Type
	Value uint64
	Bytes []byte
	Texts *Texts
}

// Int is a zigzag number.
func (f *Field) Int() int64 { return protowire.DecodeZigZag(f.Value) }

// Text is a copy of a text.
func (f *Field) Text() string { return f.Texts.Of(f.Bytes) }

// Time is a time that PutTime wrote.
func (f *Field) Time() time.Time { return time.UnixMilli(f.Int()).UTC() }

// Optional is a number that PutOptional wrote.
func (f *Field) Optional() *int64 { n := f.Int(); return &n }

// Reader reads a message field by field.
type Reader struct {
	// Tail is what was not read yet.
	Tail []byte
	// Field is the one that was read last. Its texts are those that the fields' texts share.
	Field
	// Err is why reading ended before the end.
	Err error
}

// Next reads the next field; it returns false at the end and at an error.
func (r *Reader) Next() bool {
	if len(r.Tail) == 0 || r.Err != nil {
		return false
	}
	num, typ, n := protowire.ConsumeTag(r.Tail)
	if n < 0 {
		return r.broken(n)
	}
	b := r.Tail[n:]
	r.Num, r.Typ, r.Value, r.Bytes = num, typ, 0, nil
	switch typ {
	case protowire.VarintType:
		r.Value, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		r.Bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return r.broken(n)
	}
	r.Tail = b[n:]
	return true
}

func (r *Reader) broken(code int) bool {
	r.Err = protowire.ParseError(code)
	return false
}

// Stop ends the reading with an error, if it is not nil.
func (r *Reader) Stop(err error) {
	if r.Err == nil {
		r.Err = err
	}
}

// PutText appends a text, unless it is empty.
func PutText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

// PutBytes appends bytes.
func PutBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// PutUint appends a number, unless it is zero.
func PutUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// PutInt appends a number in zigzag, zero too: an absent optional field is not zero.
func PutInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), protowire.EncodeZigZag(v))
}

// PutOptional appends what a number points to, unless it is nil.
func PutOptional(b []byte, num protowire.Number, v *int64) []byte {
	if v == nil {
		return b
	}
	return PutInt(b, num, *v)
}

// PutTime appends a time in milliseconds, unless it is zero.
func PutTime(b []byte, num protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return PutInt(b, num, t.UnixMilli())
}

// textsRoom is how many bytes of texts share an allocation.
const textsRoom = 4 << 10

// Texts makes strings that share allocations: a decoder makes several for each message. A string
// keeps the whole allocation in memory. The zero value is ready; a nil one shares nothing.
type Texts struct{ room strings.Builder }

// Of returns a copy of a text.
func (t *Texts) Of(text []byte) string {
	if t == nil || len(text) > textsRoom/4 {
		return string(text)
	}
	if t.room.Len()+len(text) > t.room.Cap() {
		t.room = strings.Builder{}
		t.room.Grow(textsRoom)
	}
	from := t.room.Len()
	t.room.Write(text)
	return t.room.String()[from:]
}
