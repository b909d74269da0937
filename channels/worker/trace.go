package worker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"stockpush/channels/lane"
	"stockpush/channels/sku"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// tracing makes one span of each push whose command has a trace context. A span is made when its
// push ends, so a push that waits costs its trace contexts only.
type tracing struct {
	// tracer is nil if tracing is off.
	tracer trace.Tracer
	// pushes are the traced pushes by the offset of their command.
	pushes map[int64]*traced
}

// traced is a push that has no span yet.
type traced struct {
	// event is the trace context of the push's event; links are those of superseded ones.
	event trace.SpanContext
	links []trace.Link
	// taken is when the worker took the command, called when its last call began.
	taken, called time.Time
	qty           int64
}

func newTracing(tracer trace.Tracer) tracing {
	return tracing{tracer: tracer, pushes: map[int64]*traced{}}
}

// take takes the trace contexts of a command whose push waits now. queued is nil if none does: the
// event has its outcome, or is being pushed.
func (t *tracing) take(headers []kafka.Header, queued *sku.Push, now time.Time) {
	if t.tracer == nil || len(headers) == 0 || queued == nil {
		return
	}
	contexts := contextsOf(headers)
	p := traced{event: contexts[0], taken: now, qty: queued.Qty}
	for _, c := range contexts[1:] {
		p.link(c)
	}
	if p.event.IsValid() || len(p.links) > 0 {
		t.pushes[queued.Offset] = &p
	}
}

// contextsOf returns the trace context of a command's event, and those of superseded events after
// it. One is invalid if its traceparent is. A malformed state is left out.
func contextsOf(headers []kafka.Header) []trace.SpanContext {
	carriers := []propagation.MapCarrier{{}}
	last := propagation.MapCarrier{} // a state before any superseded event belongs to none
	for _, h := range headers {
		switch value := string(h.Value); h.Key {
		case schemas.HeaderTraceparent, schemas.HeaderTracestate:
			carriers[0][h.Key] = value
		case schemas.HeaderSupersededTraceparent:
			last = propagation.MapCarrier{schemas.HeaderTraceparent: value}
			carriers = append(carriers, last)
		case schemas.HeaderSupersededTracestate:
			last[schemas.HeaderTracestate] = value
		}
	}
	contexts := make([]trace.SpanContext, len(carriers))
	for i, c := range carriers {
		contexts[i] = trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), c))
	}
	return contexts
}

func (p *traced) link(to trace.SpanContext) {
	if to.IsValid() {
		p.links = append(p.links, trace.Link{SpanContext: to})
	}
}

// started notes that a call of pushes began.
func (t *tracing) started(c *lane.Call, now time.Time) {
	if len(t.pushes) == 0 {
		return
	}
	for _, s := range c.SKUs {
		if p := t.pushes[s.InFlight.Offset]; p != nil {
			p.called = now
		}
	}
}

// finish makes the spans of the pushes that an outcome ends. If a newer push supersedes one, the
// newer one's span gets a link to it.
func (t *tracing) finish(o *lane.Outcome, now time.Time) {
	if len(t.pushes) == 0 {
		return
	}
	for _, offset := range o.Offsets {
		p := t.pushes[offset]
		if p == nil {
			continue
		}
		delete(t.pushes, offset)
		ended := t.export(p, o, now)
		if o.Newer != nil && t.pushes[o.Newer.Offset] != nil {
			t.pushes[o.Newer.Offset].link(ended)
		}
	}
}

// export makes the span of a push that ended.
func (t *tracing) export(p *traced, o *lane.Outcome, now time.Time) trace.SpanContext {
	attributes := []attribute.KeyValue{
		attribute.String("stockpush.status", o.Status.String()), attribute.Int64("stockpush.quantity", p.qty),
		attribute.String("stockpush.shop", o.SKU.Key.Shop().String()), attribute.String("stockpush.store_sku", o.SKU.Key.StoreSKU),
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), p.event)
	_, span := t.tracer.Start(ctx, "push", trace.WithTimestamp(p.taken), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(p.links...), trace.WithAttributes(attributes...))
	if !p.called.IsZero() {
		span.AddEvent("call", trace.WithTimestamp(p.called))
	}
	if o.Status == schemas.Failed {
		span.SetAttributes(attribute.String("stockpush.failure_code", string(o.FailureCode)))
		span.SetStatus(codes.Error, string(o.FailureCode))
	}
	span.End(trace.WithTimestamp(now))
	return span.SpanContext()
}
