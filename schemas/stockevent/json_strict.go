package stockevent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"stockpush/schemas"
)

// decodeStrict reads any value, and names the first rule that it breaks.
func decodeStrict(e *schemas.Event, value []byte) *schemas.BadEvent {
	d := strictDecoder{event: e}
	if bad := readObject(value, d.field); bad != nil {
		return bad
	}
	return d.set.checkComplete()
}

type strictDecoder struct {
	event *schemas.Event
	seen  fieldSet
	set   fieldSet
}

// readObject passes the members of a JSON object to take, which returns what is wrong with one. The
// text is checked to be UTF-8 as a whole, since JSON is.
func readObject(value []byte, take func(name, raw []byte) *schemas.BadEvent) (bad *schemas.BadEvent) {
	dec := jx.GetDecoder()
	defer jx.PutDecoder(dec)
	dec.ResetBytes(value)
	if !utf8.Valid(value) || dec.Next() != jx.Object {
		return &schemas.BadEvent{Code: schemas.CodeNotJSON, Message: "the value is not a JSON object in UTF-8"}
	}
	err := dec.ObjBytes(func(dec *jx.Decoder, name []byte) error {
		dec.Next() // skips the white space before the value, which Raw would include
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		if bad = take(name, raw); bad != nil {
			return bad // ends the reading
		}
		return nil
	})
	switch {
	case bad != nil:
		return bad
	case err != nil:
		return &schemas.BadEvent{Code: schemas.CodeNotJSON, Message: "the value is not JSON: " + schemas.Cut(err.Error(), 200)}
	case !errors.Is(dec.Skip(), io.EOF):
		return &schemas.BadEvent{Code: schemas.CodeNotJSON, Message: "something follows the JSON object"}
	}
	return nil
}

func (d *strictDecoder) field(name, raw []byte) *schemas.BadEvent {
	field := fieldOf(name)
	switch {
	case field == fieldCount:
		return checkUnknown(raw)
	case d.seen.has(field):
		return twice(field)
	}
	d.seen.add(field)
	if raw[0] == 'n' {
		return nil // null is the same as absent
	}
	d.set.add(field)
	return d.take(field, raw)
}

func (d *strictDecoder) take(field int, raw []byte) *schemas.BadEvent {
	if to := integerField(d.event, field); to != nil {
		return setInteger(to, field, raw)
	}
	text, bad := readText(field, raw)
	if bad != nil {
		return bad
	}
	switch field {
	case fieldReason:
		return d.setReason(text)
	case fieldOccurredAt:
		return d.setOccurredAt(text)
	}
	*textField(d.event, field) = text
	return nil
}

func (d *strictDecoder) setReason(slug string) *schemas.BadEvent {
	reason, err := schemas.ParseReason(slug)
	if err != nil {
		return &schemas.BadEvent{Code: schemas.CodeUnknownReason, Field: "reason", Message: schemas.Cut(err.Error(), 100)}
	}
	d.event.Reason = reason
	return nil
}

func (d *strictDecoder) setOccurredAt(at string) *schemas.BadEvent {
	if !parseTime(&d.event.OccurredAt, []byte(at)) {
		return &schemas.BadEvent{Code: schemas.CodeBadTime, Field: "occurred_at", Message: "not a time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05.678+08:00"}
	}
	return nil
}

// readText reads a JSON string.
func readText(field int, raw []byte) (string, *schemas.BadEvent) {
	if raw[0] != '"' {
		return "", wrongType(field, "a text")
	}
	s, valid := unquote(raw)
	if !valid {
		return "", &schemas.BadEvent{Code: schemas.CodeBadText, Field: fieldNames[field], Message: "control characters or unpaired surrogates"}
	}
	return s, checkLength(field, s)
}

// unquote returns the text of a JSON string of valid UTF-8, and whether it is free of control
// characters and unpaired surrogates.
func unquote(raw []byte) (s string, valid bool) {
	if !bytes.Contains(raw, []byte{'\\'}) {
		s = string(raw[1 : len(raw)-1])
	} else if !pairedSurrogates(raw) || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, !hasControl(s)
}

// hasControl says whether a text has characters that are not allowed in any field.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// pairedSurrogates says whether every \uD800–\uDFFF is half of a pair; encoding/json would
// replace it otherwise.
func pairedSurrogates(raw []byte) bool {
	for i := 0; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		switch unit := codeUnit(raw, i-1); {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return false
		case unit >= 0xD800 && unit <= 0xDBFF:
			if low := codeUnit(raw, i+5); low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 10
		default:
			i += 4
		}
	}
	return true
}

// codeUnit is the unit of the \uXXXX at i, or -1 if there is none.
func codeUnit(raw []byte, i int) int64 {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
	if err != nil {
		return -1
	}
	return int64(unit)
}

// setInteger reads a JSON number without fraction and exponent.
func setInteger(to *int64, field int, raw []byte) *schemas.BadEvent {
	for i, c := range raw {
		if (c < '0' || c > '9') && (i != 0 || c != '-') {
			return wrongType(field, "a whole number")
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < minimums[field] {
		return outOfRange(field)
	}
	*to = n
	return nil
}

// maxDepth is how deep an event may be nested; the object itself counts.
const maxDepth = 64

// checkUnknown checks that an unknown field's value is not nested too deeply.
func checkUnknown(raw []byte) *schemas.BadEvent {
	if raw[0] != '{' && raw[0] != '[' {
		return nil
	}
	depth, inString := 1, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return &schemas.BadEvent{Code: schemas.CodeTooDeep, Message: "nested deeper than 64"}
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// isPlain says whether a byte of a JSON string is printable ASCII, and neither quote nor
// backslash.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// plainPrefix returns the length of the plain bytes that b begins with. It checks eight at a
// time, since most of an event is text.
func plainPrefix(b []byte) int {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		if found := notPlain(binary.LittleEndian.Uint64(b[n:])); found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(b) && isPlain(b[n]) {
		n++
	}
	return n
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// notPlain returns zero if all eight bytes of a word are plain; otherwise its lowest set bit is
// in the first byte that is not. x-ones borrows into the high bit of a zero byte. Only bytes
// after the first one that it finds can be reported wrongly.
func notPlain(x uint64) uint64 {
	control := (x - ones*' ') &^ x
	quote, backslash := x^ones*'"', x^ones*'\\'
	found := control | (quote-ones)&^quote | (backslash-ones)&^backslash | x | (x + ones)
	return found & highs
}
