package schemas

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// decodeStrict reads any value, and names the first rule that it breaks.
func decodeStrict(e *Event, value []byte) *BadEvent {
	d := strictDecoder{event: e}
	if bad := readObject(value, d.field); bad != nil {
		return bad
	}
	return d.set.checkComplete()
}

type strictDecoder struct {
	event *Event
	seen  fieldSet
	set   fieldSet
}

// readObject passes the members of a JSON object to take, which returns what is wrong with one. The
// text is checked to be UTF-8 as a whole, since JSON is.
func readObject(value []byte, take func(name, raw []byte) *BadEvent) (bad *BadEvent) {
	dec := jx.GetDecoder()
	defer jx.PutDecoder(dec)
	dec.ResetBytes(value)
	if !utf8.Valid(value) || dec.Next() != jx.Object {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not a JSON object in UTF-8"}
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
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not JSON: " + cut(err.Error(), 200)}
	case !errors.Is(dec.Skip(), io.EOF):
		return &BadEvent{Code: CodeNotJSON, Message: "something follows the JSON object"}
	}
	return nil
}

func (d *strictDecoder) field(name, raw []byte) *BadEvent {
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

func (d *strictDecoder) take(field int, raw []byte) *BadEvent {
	if to := d.event.integer(field); to != nil {
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
	*d.event.text(field) = text
	return nil
}

func (d *strictDecoder) setReason(slug string) *BadEvent {
	reason, err := ParseReason(slug)
	if err != nil {
		return &BadEvent{Code: CodeUnknownReason, Field: "reason", Message: cut(err.Error(), 100)}
	}
	d.event.Reason = reason
	return nil
}

func (d *strictDecoder) setOccurredAt(at string) *BadEvent {
	if !parseTime(&d.event.OccurredAt, []byte(at)) {
		return &BadEvent{Code: CodeBadTime, Field: "occurred_at", Message: "not a time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05.678+08:00"}
	}
	return nil
}
