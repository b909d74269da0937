package schemas

const (
	// HeaderTraceparent is the header of an event with its W3C trace context, which its command
	// has too.
	HeaderTraceparent = "traceparent"
	// HeaderTracestate is the header of the state that vendors add to a trace context.
	HeaderTracestate = "tracestate"
	// HeaderSupersededTraceparent is a header of a command with the trace context of an event that
	// was superseded in its window. A command may have several.
	HeaderSupersededTraceparent = "superseded-traceparent"
	// HeaderSupersededTracestate belongs to the superseded trace context before it.
	HeaderSupersededTracestate = "superseded-tracestate"
	// CloudEventHeader begins the names of a CloudEvent's attributes in binary mode.
	CloudEventHeader = "ce_"

	// traceparentBytes is the length of a traceparent of version 00, the only one.
	traceparentBytes = 55
	// maxTracestateBytes is how long a state must be carried according to W3C.
	maxTracestateBytes = 512
)

// TraceContext is a W3C trace context as its headers have it; empty if there is none.
type TraceContext struct{ Traceparent, Tracestate string }

// NewTraceContext copies a trace context. A malformed one is none, and a long state is left out.
func NewTraceContext(traceparent, tracestate []byte) (c TraceContext) {
	if len(traceparent) != traceparentBytes {
		return c
	}
	c.Traceparent = string(traceparent)
	if len(tracestate) <= maxTracestateBytes {
		c.Tracestate = string(tracestate)
	}
	return c
}
