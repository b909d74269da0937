package schemas

import (
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one decoded field: value is set for varints, and bytes for what has a length.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value uint64
	bytes []byte
	texts *texts
}

func (f *field) int() int64 { return protowire.DecodeZigZag(f.value) }

func (f *field) text() string { return f.texts.of(f.bytes) }

func (f *field) time() time.Time { return time.UnixMilli(f.int()).UTC() }

func (f *field) optional() *int64 { n := f.int(); return &n }

// reader reads a message field by field.
type reader struct {
	tail []byte
	// field is the one that was read last. Its texts are those that the fields' texts share.
	field
	// err is why reading ended before the end.
	err error
}

// next reads the next field; it returns false at the end and at an error.
func (r *reader) next() bool {
	if len(r.tail) == 0 || r.err != nil {
		return false
	}
	num, typ, n := protowire.ConsumeTag(r.tail)
	if n < 0 {
		return r.broken(n)
	}
	b := r.tail[n:]
	r.num, r.typ, r.value, r.bytes = num, typ, 0, nil
	switch typ {
	case protowire.VarintType:
		r.value, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		r.bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return r.broken(n)
	}
	r.tail = b[n:]
	return true
}

func (r *reader) broken(code int) bool {
	r.err = protowire.ParseError(code)
	return false
}

// stop ends the reading with an error, if it is not nil.
func (r *reader) stop(err error) {
	if r.err == nil {
		r.err = err
	}
}

func putText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func putBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func putUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// putInt writes zero too: an absent optional field is not zero.
func putInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), protowire.EncodeZigZag(v))
}

func putOptional(b []byte, num protowire.Number, v *int64) []byte {
	if v == nil {
		return b
	}
	return putInt(b, num, *v)
}

// putTime keeps milliseconds; the zero time is absent.
func putTime(b []byte, num protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return putInt(b, num, t.UnixMilli())
}

// textsRoom is how many bytes of texts share an allocation.
const textsRoom = 4 << 10

// texts makes strings that share allocations: a decoder makes several for each message. A string
// keeps the whole allocation in memory. The zero value is ready; a nil one shares nothing.
type texts struct{ room strings.Builder }

// of returns a copy of a text.
func (t *texts) of(text []byte) string {
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
