package schemas

const (
	// HeaderTraceparent is the header of an event with its W3C trace context, which its command
	// has too.
	HeaderTraceparent = "traceparent"
	// HeaderSupersededTraceparent is a header of a command with the trace context of an event that
	// was superseded in its window. A command may have several.
	HeaderSupersededTraceparent = "superseded-traceparent"
	// TraceparentLength is the length of a traceparent of version 00, the only one, in bytes.
	TraceparentLength = 55
)
