package processor

import (
	"stockpush/processor/latest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// maxSuperseded is how many superseded events a command names: those that were superseded last.
const maxSuperseded = 8

// contexts are the trace contexts of one window's events.
type contexts struct {
	// newest is the newest event's; empty if it has none.
	newest     schemas.TraceContext
	superseded []schemas.TraceContext
}

// contextOf returns an event's trace context: that of the message, else that of the CloudEvent.
func contextOf(r *kafka.Record) schemas.TraceContext {
	for _, prefix := range []string{"", schemas.CloudEventHeader} {
		if traceparent := kafka.HeaderValue(r, prefix+schemas.HeaderTraceparent); traceparent != nil {
			return schemas.NewTraceContext(traceparent, kafka.HeaderValue(r, prefix+schemas.HeaderTracestate))
		}
	}
	return stockevent.TraceContext(stockevent.Message{Key: r.Key, Value: r.Value, ContentType: kafka.ContentType(r)})
}

// traces are the trace contexts of open windows. A window without any is not in it.
type traces map[*latest.Entry]contexts

// put adds the trace context of an event that the buffer took. One that has none may still
// supersede an event that has one.
func (t traces) put(r latest.Result, lost schemas.TraceContext) {
	of, none := t[r.Entry], schemas.TraceContext{}
	if r.Verdict != latest.Outdated {
		lost, of.newest = of.newest, lost
	}
	if lost != none {
		of.superseded = append(of.superseded, lost)
		of.superseded = of.superseded[max(0, len(of.superseded)-maxSuperseded):]
	}
	if of.newest != none || len(of.superseded) > 0 {
		t[r.Entry] = of
	}
}

// take removes a window and returns the headers of its command; nil if it has no trace context.
func (t traces) take(w *latest.Entry) []kafka.Header {
	of := t[w]
	delete(t, w)
	headers := appendContext(nil, of.newest, schemas.HeaderTraceparent, schemas.HeaderTracestate)
	for _, superseded := range of.superseded {
		headers = appendContext(headers, superseded, schemas.HeaderSupersededTraceparent, schemas.HeaderSupersededTracestate)
	}
	return headers
}

// appendContext appends the headers of a trace context under the given keys.
func appendContext(headers []kafka.Header, c schemas.TraceContext, traceparent, tracestate string) []kafka.Header {
	if c.Traceparent != "" {
		headers = append(headers, kafka.Header{Key: traceparent, Value: []byte(c.Traceparent)})
	}
	if c.Tracestate != "" {
		headers = append(headers, kafka.Header{Key: tracestate, Value: []byte(c.Tracestate)})
	}
	return headers
}
