package schemas

import (
	"fmt"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Our own messages are Protobuf fields behind one byte, the format's version.
// A reader passes over fields that it does not know, so that a newer writer of
// the same version may add some.
const formatVersion = 1

// UnknownFormatError says that a message was written in a format that this
// build does not read.
type UnknownFormatError struct {
	// Version is the message's first byte; -1 for an empty message.
	Version int
}

func (e *UnknownFormatError) Error() string {
	return fmt.Sprintf("message format %d is not one that this build reads (it reads %d)", e.Version, formatVersion)
}

func body(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, &UnknownFormatError{-1}
	}
	if message[0] != formatVersion {
		return nil, &UnknownFormatError{int(message[0])}
	}
	return message[1:], nil
}

// field is one decoded field: number for varints, bytes for the rest.
type field struct {
	num   protowire.Number
	value uint64
	bytes []byte
}

func (f *field) int() int64 { return protowire.DecodeZigZag(f.value) }

// text shares the message's memory.
func (f *field) text() string { return unsafe.String(unsafe.SliceData(f.bytes), len(f.bytes)) }

func (f *field) time() time.Time { return time.UnixMilli(f.int()).UTC() }

func (f *field) optional() *int64 { n := f.int(); return &n }

// reader reads a message field by field. It calls nobody back: most of what it costs
// to read a message of ours would be that.
type reader struct {
	rest []byte
	// field is the one that was read last.
	field
	// err is why the message cannot be read on.
	err error
}

// next reads the next field; false at the end, and where the message is broken.
func (r *reader) next() bool {
	if len(r.rest) == 0 || r.err != nil {
		return false
	}
	num, typ, n := consumeTag(r.rest)
	if n < 0 {
		return r.broken(n)
	}
	b := r.rest[n:]
	r.field = field{num: num}
	switch typ {
	case protowire.VarintType:
		r.value, n = consumeVarint(b)
	case protowire.BytesType:
		r.bytes, n = consumeBytes(b)
	default:
		r.num, n = 0, protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return r.broken(n)
	}
	r.rest = b[n:]
	return true
}

func (r *reader) broken(code int) bool {
	r.err = protowire.ParseError(code)
	return false
}

// stop lets the reader end with an error that a field's value is.
func (r *reader) stop(err error) {
	if r.err == nil {
		r.err = err
	}
}

// consumeTag is protowire's; ours have one byte. There must be one.
func consumeTag(b []byte) (num protowire.Number, typ protowire.Type, n int) {
	if tag := b[0]; tag < 1<<7 && tag>>3 > 0 {
		return protowire.Number(tag >> 3), protowire.Type(tag & 7), 1
	}
	return protowire.ConsumeTag(b)
}

// consumeVarint is protowire's; most of ours have one byte.
func consumeVarint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 1<<7 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

// consumeBytes is protowire's; most of ours are shorter than 128 bytes.
func consumeBytes(b []byte) (v []byte, n int) {
	if len(b) > 0 && b[0] < 1<<7 && int(b[0]) < len(b) {
		n = 1 + int(b[0])
		return b[1:n], n
	}
	return protowire.ConsumeBytes(b)
}

// appendTag is protowire's for the numbers below 16 that we have, in one byte.
func appendTag(b []byte, num protowire.Number, typ protowire.Type) []byte {
	return append(b, byte(num)<<3|byte(typ))
}

func putText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendVarint(appendTag(b, num, protowire.BytesType), uint64(len(s))), s...)
}

// appendVarint is protowire's; most of ours have one byte.
func appendVarint(b []byte, v uint64) []byte {
	if v < 1<<7 {
		return append(b, byte(v))
	}
	return protowire.AppendVarint(b, v)
}

func putBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(appendTag(b, num, protowire.BytesType), v)
}

func putUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(appendTag(b, num, protowire.VarintType), v)
}

// putInt writes zero too: for optional fields absence says something else.
func putInt(b []byte, num protowire.Number, v int64) []byte {
	return appendVarint(appendTag(b, num, protowire.VarintType), protowire.EncodeZigZag(v))
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
