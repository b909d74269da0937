package stockevent_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

// schemaProperties are the properties of stock_event.schema.json.
func schemaProperties(t testing.TB) map[string]any {
	text, err := os.ReadFile("../stock_event.schema.json")
	require.NoError(t, err)
	var schema struct {
		ID         string         `json:"$id"`
		Properties map[string]any `json:"properties"`
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	require.Equal(t, "urn:stockpush:stock-event", schema.ID)
	return schema.Properties
}

var wrapped = schemas.Event{
	EventID: "e", Reason: schemas.StockCount, Key: schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "S"}, ItemID: 1, Available: -7,
	OccurredAt: time.Unix(1, 5).UTC(), RepeatsOffset: schemas.NoOffset,
}

func decodeAs(contentType, value string) (schemas.Event, error) {
	var d stockevent.Decoder
	var e schemas.Event
	m := stockevent.Message{Key: []byte("shopee/1/S"), Value: []byte(value)}
	if contentType != "none" {
		m.ContentType = []byte(contentType)
	}
	return e, d.DecodeMessage(&e, m)
}

func TestEventsAreFoundInEveryEnvelope(t *testing.T) {
	inJSON, inProtobuf := string(stockevent.Encode(&wrapped)), string(schemastest.EncodeProtobuf(&wrapped))
	encoded := base64.StdEncoding.EncodeToString
	const cloud = `{"specversion":"1.0","id":"1","source":"/wms","type":"stock","time":"2026-01-02T03:04:05Z","ext":{"a":[1]},`
	// The prefix is byte 0 and a schema id; for Protobuf the message's index follows: its usual form,
	// [0] as a list, a message nested in another, and one that is not the first.
	prefixes := map[bool][]string{false: {"", "\x00\x00\x00\x00\x07"}, true: {
		"", "\x00\x00\x00\x00\x07\x00", "\x00\x00\x00\x00\x07\x02\x00", "\x00\x00\x00\x00\x07\x04\x02\x06", "\x00\x00\x00\x00\x07\x02\x08", "\x00\xff\xff\xff\xff\x02\xac\x02",
	}}
	for _, c := range []struct {
		contentTypes []string
		protobuf     bool
		values       []string
	}{
		{[]string{"none", "", "application/json", "application/json; charset=utf-8", "Application/JSON;charset", " application/json"}, false, []string{inJSON}},
		{[]string{"application/protobuf", "application/x-protobuf", "application/x-protobuf; messageType=\"stockpush.events.v1.StockEvent\"", "APPLICATION/PROTOBUF"}, true, []string{inProtobuf}},
		{[]string{"application/cloudevents+json", "application/cloudevents+json; charset=UTF-8"}, false, []string{
			cloud + `"data":` + inJSON + `}`,
			cloud + `"datacontenttype":"application/json","data" : ` + inJSON + `} `,
			cloud + `"datacontenttype":"application/json;charset=utf-8","data":` + inJSON + `}`,
			`{"data":` + inJSON + `,"datacontenttype":null,"data_base64":null}`,
			cloud + `"data_base64":"` + encoded([]byte(inJSON)) + `"}`,
			cloud + `"datacontenttype":"application/protobuf","data_base64":"` + encoded([]byte(inProtobuf)) + `"}`,
		}},
	} {
		for _, contentType := range c.contentTypes {
			for _, prefix := range prefixes[c.protobuf] {
				for _, value := range c.values {
					got, err := decodeAs(contentType, prefix+value)
					require.NoError(t, err, "%q %q", contentType, prefix+value)
					require.Equal(t, wrapped, got)
				}
			}
		}
	}
}

func TestEnvelopesThatHoldNoEventAreRejected(t *testing.T) {
	inJSON, inProtobuf := string(stockevent.Encode(&wrapped)), string(schemastest.EncodeProtobuf(&wrapped))
	const structured = "application/cloudevents+json"
	for _, c := range []struct{ contentType, value, code, field string }{
		{"text/plain", inJSON, schemas.CodeUnsupportedContentType, ""},
		{"application/avro", inJSON, schemas.CodeUnsupportedContentType, ""},
		{"application/cloudevents-batch+json", "[]", schemas.CodeUnsupportedContentType, ""},
		{"application/json, application/protobuf", inJSON, schemas.CodeUnsupportedContentType, ""},
		{";", inJSON, schemas.CodeUnsupportedContentType, ""},
		{"\xff", inJSON, schemas.CodeUnsupportedContentType, ""},
		{"application/json", inProtobuf, schemas.CodeNotJSON, ""},
		{"application/protobuf", inJSON, schemas.CodeNotProtobuf, ""},
		{"none", "\x00", schemas.CodeNotJSON, ""},
		{"none", "\x00\x00\x00\x00\x01", schemas.CodeNotJSON, ""},
		{"none", "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01" + inJSON, schemas.CodeNotJSON, ""},
		{"application/protobuf", "\x00\x00\x00\x00", schemas.CodeNotProtobuf, ""},
		{"application/protobuf", "\x00\x00\x00\x00\x01", schemas.CodeNotProtobuf, ""},
		{"application/protobuf", "\x00\x00\x00\x00\x01\x04\x02", schemas.CodeNotProtobuf, ""},
		{"application/protobuf", "\x00\x00\x00\x00\x01\x01" + inProtobuf, schemas.CodeNotProtobuf, ""},
		{"application/protobuf", "\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", schemas.CodeNotProtobuf, ""},
		{structured, inJSON, schemas.CodeMissingField, "data"},
		{structured, ``, schemas.CodeNotJSON, ""},
		{structured, `[]`, schemas.CodeNotJSON, ""},
		{structured, `{"data":` + inJSON, schemas.CodeNotJSON, ""},
		{structured, `{"data":` + inJSON + `}{}`, schemas.CodeNotJSON, ""},
		{structured, `{"x":"` + "\xff" + `","data":` + inJSON + `}`, schemas.CodeNotJSON, ""},
		{structured, `{"data":null}`, schemas.CodeMissingField, "data"},
		{structured, `{"data":"text"}`, schemas.CodeNotJSON, ""},
		{structured, `{"data":` + inJSON + `,"data":` + inJSON + `}`, schemas.CodeDuplicateField, "data"},
		{structured, `{"datacontenttype":"text/plain","data":` + inJSON + `}`, schemas.CodeUnsupportedContentType, "datacontenttype"},
		{structured, `{"datacontenttype":"application/cloudevents+json","data":` + inJSON + `}`, schemas.CodeUnsupportedContentType, "datacontenttype"},
		{structured, `{"datacontenttype":7,"data":` + inJSON + `}`, schemas.CodeWrongType, "datacontenttype"},
		{structured, `{"datacontenttype":"application/protobuf","data":` + inJSON + `}`, schemas.CodeWrongType, "data"},
		{structured, `{"data_base64":"*"}`, schemas.CodeWrongType, "data_base64"},
		{structured, `{"data_base64":7}`, schemas.CodeWrongType, "data_base64"},
	} {
		_, err := decodeAs(c.contentType, c.value)
		var bad *schemas.BadEvent
		require.ErrorAs(t, err, &bad, "%q %q", c.contentType, c.value)
		require.Equal(t, [2]string{c.code, c.field}, [2]string{bad.Code, bad.Field}, "%q %q: %s", c.contentType, c.value, bad.Message)
	}
}

// Whatever a message holds, it is an event or a BadEvent.
func FuzzEnvelope(f *testing.F) {
	for _, contentType := range []string{"", "application/protobuf", "application/cloudevents+json", "a/b; c"} {
		f.Add(contentType, "\x00\x00\x00\x00\x07\x02\x00"+`{"data":{},"data_base64":"e30="}`)
	}
	f.Fuzz(func(t *testing.T, contentType, value string) {
		if _, err := decodeAs(contentType, value); err != nil {
			require.ErrorAs(t, err, new(*schemas.BadEvent))
		}
	})
}
