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
	var c map[string]any // whose names, unlike those of a struct, are exact
	_ = json.Unmarshal(value, &c)
	parent, _ := c[schemas.HeaderTraceparent].(string)
	state, _ := c[schemas.HeaderTracestate].(string)
	return schemas.NewTraceContext([]byte(parent), []byte(state))
}
