package stockevent

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"

	"github.com/go-faster/jx"

	"stockpush/schemas"
)

// HeaderContentType is the header of a message that says how its value is encoded.
const HeaderContentType = "content-type"

// Message is what a stock event is read from.
type Message struct {
	Key, Value []byte
	// ContentType is the value of the header content-type; nil if there is none.
	ContentType []byte
}

// DecodeMessage reads a stock event into e, in any encoding that is supported, and checks every rule
// that concerns key and value only; its error is a *BadEvent. The rules and the error codes of all
// encodings are the same. The event shares no memory with the message, but its texts share some with
// those of other events. The caller sets Position and TriggeredAt.
func (d *Decoder) DecodeMessage(e *schemas.Event, m Message) error {
	*e = schemas.Event{RepeatsOffset: schemas.NoOffset}
	f, value, bad := unwrap(m.ContentType, m.Value)
	switch {
	case bad != nil:
	case f == formatJSON:
		bad = d.decodeJSON(e, value)
	default:
		bad = decodeProtobuf(e, value, &d.texts)
	}
	if bad == nil {
		bad = checkWhole(e, m.Key)
	}
	if bad != nil {
		*e = schemas.Event{}
		return bad
	}
	return nil
}

// format is how a value is encoded.
type format uint8

const (
	unsupported format = iota
	formatJSON
	formatProtobuf
	// formatCloudEvent is a CloudEvent in structured mode, whose data is the event.
	formatCloudEvent
)

// formatOf returns the format of a content type; absent is JSON. What producers usually write is
// found without an allocation.
func formatOf(contentType []byte) format {
	switch string(contentType) {
	case "", "application/json":
		return formatJSON
	case "application/protobuf", "application/x-protobuf":
		return formatProtobuf
	case "application/cloudevents+json":
		return formatCloudEvent
	}
	usual, _, err := mime.ParseMediaType(string(contentType)) // without parameters, in lower case
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || usual == string(contentType) {
		return unsupported
	}
	return formatOf([]byte(usual))
}

// unwrap finds the event in a message's value: behind Confluent's wire-format prefix, and in a
// CloudEvent's data.
func unwrap(contentType, value []byte) (f format, event []byte, bad *schemas.BadEvent) {
	f = formatOf(contentType)
	if f == unsupported {
		return f, nil, unsupportedType("", string(contentType))
	}
	event, bad = skipPrefix(f, value)
	if bad == nil && f == formatCloudEvent {
		return openCloudEvent(event)
	}
	return f, event, bad
}

func unsupportedType(field, contentType string) *schemas.BadEvent {
	return &schemas.BadEvent{Code: schemas.CodeUnsupportedContentType, Field: field, Message: fmt.Sprintf("%q is not application/json, application/protobuf, "+
		"application/x-protobuf or application/cloudevents+json", schemas.Cut(contentType, 100))}
}

// schemaIDBytes is the length of the prefix's byte 0 and schema id. No event begins with byte 0.
const schemaIDBytes = 1 + 4

// skipPrefix skips Confluent's wire-format prefix: byte 0, a schema id of 4 bytes, and for
// Protobuf the message's index in the schema.
func skipPrefix(f format, value []byte) ([]byte, *schemas.BadEvent) {
	if len(value) == 0 || value[0] != 0 {
		return value, nil
	}
	if len(value) < schemaIDBytes {
		return nil, cutPrefix(f)
	}
	value = value[schemaIDBytes:]
	if f != formatProtobuf {
		return value, nil
	}
	// The index is a list of varints with its length before it. Length 0 stands for the list [0].
	length, n := binary.Varint(value)
	for left := length; n > 0 && left > 0; left-- {
		value = value[n:]
		_, n = binary.Varint(value)
	}
	if n <= 0 || length < 0 {
		return nil, cutPrefix(f)
	}
	return value[n:], nil
}

func cutPrefix(f format) *schemas.BadEvent {
	code := schemas.CodeNotJSON
	if f == formatProtobuf {
		code = schemas.CodeNotProtobuf
	}
	return &schemas.BadEvent{Code: code, Message: "the value begins with byte 0, and no whole wire-format prefix follows"}
}

// cloudEvent are the members of a CloudEvent in JSON that say where the event is.
type cloudEvent struct {
	data, base64, contentType []byte
}

// openCloudEvent returns a CloudEvent's data and the format that its datacontenttype names.
func openCloudEvent(value []byte) (f format, event []byte, bad *schemas.BadEvent) {
	var c cloudEvent
	if bad := readObject(value, c.member); bad != nil {
		return f, nil, bad
	}
	contentType, err := textOf(c.contentType)
	if err != nil {
		return f, nil, &schemas.BadEvent{Code: schemas.CodeWrongType, Field: "datacontenttype", Message: "not a text"}
	}
	f = formatOf(contentType)
	switch {
	case f != formatJSON && f != formatProtobuf:
		return f, nil, unsupportedType("datacontenttype", string(contentType))
	case c.base64 != nil:
		event, err = base64Of(c.base64)
		if err != nil {
			return f, nil, &schemas.BadEvent{Code: schemas.CodeWrongType, Field: "data_base64", Message: "not a text in base64"}
		}
		return f, event, nil
	case c.data == nil:
		return f, nil, &schemas.BadEvent{Code: schemas.CodeMissingField, Field: "data", Message: "a CloudEvent's data is the stock event"}
	case f == formatProtobuf:
		return f, nil, &schemas.BadEvent{Code: schemas.CodeWrongType, Field: "data", Message: "Protobuf in a CloudEvent in JSON stands in data_base64"}
	}
	return f, c.data, nil
}

// member takes a member. One that is null counts as absent.
func (c *cloudEvent) member(name, raw []byte) *schemas.BadEvent {
	known := map[string]*[]byte{"data": &c.data, "data_base64": &c.base64, "datacontenttype": &c.contentType}[string(name)]
	switch {
	case known == nil:
		return checkUnknown(raw)
	case *known != nil:
		return &schemas.BadEvent{Code: schemas.CodeDuplicateField, Field: string(name), Message: "the field is given twice"}
	case raw[0] != 'n':
		*known = raw
	}
	return nil
}

// textOf returns the text of a JSON string; nil for nil.
func textOf(raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	return jx.DecodeBytes(raw).StrAppend(nil)
}

func base64Of(raw []byte) ([]byte, error) {
	text, err := textOf(raw)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.AppendDecode(nil, text)
}
