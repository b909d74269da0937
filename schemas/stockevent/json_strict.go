package stockevent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
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
	if integer := fields[field].integer; integer != nil {
		return setInteger(integer(d.event), field, raw)
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
	*fields[field].text(d.event) = text
	return nil
}

func (d *strictDecoder) setReason(slug string) *schemas.BadEvent {
	if d.event.Reason = schemas.ReasonOf(slug); d.event.Reason == 0 {
		return &schemas.BadEvent{Code: schemas.CodeUnknownReason, Field: "reason", Message: schemas.Cut(fmt.Sprintf("unknown reason %q", slug), 100)}
	}
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
	decoded, err := textOf(raw)
	text := string(decoded)
	if err != nil || hasControl(text) || bytes.Contains(raw, []byte(`\u`)) && !paired.Match(raw) {
		return "", &schemas.BadEvent{Code: schemas.CodeBadText, Field: fields[field].name, Message: "control characters or unpaired surrogates"}
	}
	return text, checkLength(field, text)
}

// paired matches a JSON string in which every \uD800–\uDFFF is half of a pair. The decoder would
// replace others.
var paired = regexp.MustCompile(`^(?:[^\\]|\\[^u]|\\u[^dD]|\\u[dD][0-7]|\\u[dD][89abAB]..\\u[dD][c-fC-F])*$`)

// hasControl says whether a text has characters that are not allowed in any field.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// setInteger reads a JSON number without fraction and exponent.
func setInteger(to *int64, field int, raw []byte) *schemas.BadEvent {
	for i, c := range raw {
		if (c < '0' || c > '9') && (i != 0 || c != '-') {
			return wrongType(field, "a whole number")
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < fields[field].least {
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

// plainPrefix returns the length of the plain bytes that b begins with.
func plainPrefix(b []byte) int {
	for i, c := range b {
		if !isPlain(c) {
			return i
		}
	}
	return len(b)
}
