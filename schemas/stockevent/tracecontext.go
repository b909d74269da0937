package stockevent

import (
	"encoding/json"

	"stockpush/schemas"
)

// TraceContext returns the trace context that a CloudEvent in structured mode has as extension
// attributes. Another message has none, and a bad one may have none.
func TraceContext(m Message) schemas.TraceContext {
	if formatOf(m.ContentType) != formatCloudEvent {
		return schemas.TraceContext{}
	}
	value, bad := skipPrefix(formatCloudEvent, m.Value)
	if bad != nil {
		return schemas.TraceContext{}
	}
	var c struct{ Traceparent, Tracestate string }
	_ = json.Unmarshal(value, &c) // a member that is no text counts as absent
	return schemas.NewTraceContext([]byte(c.Traceparent), []byte(c.Tracestate))
}
