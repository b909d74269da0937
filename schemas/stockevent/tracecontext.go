package stockevent

import "stockpush/schemas"

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
	var c traceMembers
	if readObject(value, c.member) != nil {
		return schemas.TraceContext{}
	}
	return schemas.NewTraceContext(c.traceparent, c.tracestate)
}

// traceMembers are the members of a CloudEvent in JSON with its trace context.
type traceMembers struct{ traceparent, tracestate []byte }

// member takes a member. One that is no text counts as absent.
func (c *traceMembers) member(name, raw []byte) *schemas.BadEvent {
	into := map[string]*[]byte{schemas.HeaderTraceparent: &c.traceparent, schemas.HeaderTracestate: &c.tracestate}[string(name)]
	if into == nil {
		return nil
	}
	if text, err := textOf(raw); err == nil {
		*into = text
	}
	return nil
}
