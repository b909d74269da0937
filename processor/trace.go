package processor

import (
	"slices"

	"stockpush/processor/latest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// maxSuperseded is how many superseded events a command names: those that were superseded last.
const maxSuperseded = 8

// contexts are the trace contexts (traceparents) of one window's events.
type contexts struct {
	// newest is the newest event's; empty if it has none.
	newest     string
	superseded []string
}

// traces are the trace contexts of open windows. A window without any is not in it. Nil, which is
// tracing switched off, accepts take only.
type traces map[*latest.Entry]*contexts

// put adds the trace context of an event that the buffer took. One that has none, or a malformed
// one, may still supersede an event that has one.
func (t traces) put(r latest.Result, traceparent []byte) {
	if len(traceparent) != schemas.TraceparentLength {
		traceparent = nil
	}
	of := t[r.Entry]
	if of == nil {
		if traceparent == nil {
			return
		}
		of = &contexts{}
		t[r.Entry] = of
	}
	lost := string(traceparent)
	if r.Verdict != latest.Outdated {
		lost, of.newest = of.newest, lost
	}
	if lost == "" {
		return
	}
	of.superseded = append(of.superseded, lost)
	if len(of.superseded) > maxSuperseded {
		of.superseded = slices.Delete(of.superseded, 0, 1)
	}
}

// take removes a window and returns the headers of its command; nil if it has no trace context.
func (t traces) take(w *latest.Entry) []kafka.Header {
	of := t[w]
	if of == nil {
		return nil
	}
	delete(t, w)
	var headers []kafka.Header
	if of.newest != "" {
		headers = append(headers, kafka.Header{Key: schemas.HeaderTraceparent, Value: []byte(of.newest)})
	}
	for _, traceparent := range of.superseded {
		headers = append(headers, kafka.Header{Key: schemas.HeaderSupersededTraceparent, Value: []byte(traceparent)})
	}
	return headers
}
