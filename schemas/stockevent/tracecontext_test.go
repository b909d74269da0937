package stockevent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/schemas/stockevent"
)

func TestNamesOfTraceAttributesAreInLowerCase(t *testing.T) {
	const a, b = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01"
	for value, want := range map[string]string{
		`{"specversion":"1.0","traceparent":"` + a + `","TraceParent":"` + b + `","data":{}}`: a,
		`{"specversion":"1.0","Traceparent":"` + b + `","data":{}}`:                           "",
		`{"specversion":"1.0","traceparent":7,"data":{}}`:                                     "",
		`no JSON`: "",
	} {
		m := stockevent.Message{Value: []byte(value), ContentType: []byte("application/cloudevents+json")}
		require.Equal(t, want, stockevent.TraceContext(m).Traceparent, value)
	}
}
