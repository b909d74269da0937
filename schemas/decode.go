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
	if bad := d.object(value); bad != nil {
		return bad
	}
	return d.set.checkComplete()
}

type strictDecoder struct {
	event *Event
	seen  fieldSet
	set   fieldSet
	bad   *BadEvent
}

// object reads the fields one by one. The text is checked to be UTF-8 as a
// whole, since JSON is.
func (d *strictDecoder) object(value []byte) *BadEvent {
	if !utf8.Valid(value) {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not UTF-8"}
	}
	dec := jx.GetDecoder()
	defer jx.PutDecoder(dec)
	dec.ResetBytes(value)
	if dec.Next() != jx.Object {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not a JSON object"}
	}
	err := dec.ObjBytes(d.field)
	if d.bad != nil {
		return d.bad
	}
	if err != nil {
		return &BadEvent{Code: CodeNotJSON, Message: "the value is not JSON: " + cut(err.Error(), 200)}
	}
	if !errors.Is(dec.Skip(), io.EOF) {
		return &BadEvent{Code: CodeNotJSON, Message: "something follows the JSON object"}
	}
	return nil
}

func (d *strictDecoder) field(dec *jx.Decoder, name []byte) error {
	field := fieldOf(name)
	dec.Next() // skips the white space before the value, which Raw would include
	raw, err := dec.Raw()
	if err != nil {
		return err
	}
	if field == fieldCount {
		return d.stop(checkUnknown(raw))
	}
	if d.seen.has(field) {
		return d.stop(&BadEvent{Code: CodeDuplicateField, Field: fieldNames[field], Message: "the field is given twice"})
	}
	d.seen.add(field)
	if raw[0] == 'n' {
		return nil // null is the same as absent
	}
	d.set.add(field)
	return d.stop(d.take(field, raw))
}

// stop remembers the first bad field and ends the reading.
func (d *strictDecoder) stop(bad *BadEvent) error {
	if bad == nil {
		return nil
	}
	d.bad = bad
	return bad
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
