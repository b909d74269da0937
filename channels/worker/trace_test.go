package worker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

func newTracedBench(t *testing.T, m *channeltest.Memory) (*bench, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("test")
	return newBench(t.Context(), t, m, options{tracer: tracer}), spans
}

func traceparent(n int) []byte { return fmt.Appendf(nil, "00-%032x-%016x-01", n, n) }

func tracestate(n int) []byte { return fmt.Appendf(nil, "vendor=%d", n) }

func traceID(n int) string { return fmt.Sprintf("%032x", n) }

// pushTraced delivers the command of an event, in the trace n.
func (b *bench) pushTraced(e schemas.Event, n int, superseded ...int) {
	headers := []kafka.Header{{Key: schemas.HeaderTraceparent, Value: traceparent(n)}, {Key: schemas.HeaderTracestate, Value: tracestate(n)}}
	for _, s := range superseded {
		headers = append(headers, kafka.Header{Key: schemas.HeaderSupersededTraceparent, Value: traceparent(s)},
			kafka.Header{Key: schemas.HeaderSupersededTracestate, Value: tracestate(s)})
	}
	value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: time.Now()})
	b.deliver([]*kafka.Record{{Topic: topics.Commands(), Offset: b.next, Key: []byte(e.Key.String()), Value: value, Headers: headers}})
	b.next++
	synctest.Wait()
}

func valuesOf(span trace.ReadOnlySpan) map[attribute.Key]any {
	values := map[attribute.Key]any{}
	for _, a := range span.Attributes() {
		values[a.Key] = a.Value.AsInterface()
	}
	return values
}

func linksOf(span trace.ReadOnlySpan) (traceIDs []string) {
	for _, link := range span.Links() {
		traceIDs = append(traceIDs, link.SpanContext.TraceID().String())
	}
	return traceIDs
}

func TestPushIsASpanOfItsEventsTrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, spans := newTracedBench(t, downUntil(1))
		taken := time.Now()
		b.pushTraced(event("a", 1, 5), 7, 5, 6)
		pause(time.Minute)
		require.Len(t, spans.Ended(), 1, "one span a push, however many calls it took")
		span := spans.Ended()[0]
		require.Equal(t, "push", span.Name())
		require.Equal(t, traceID(7), span.SpanContext().TraceID().String())
		require.Equal(t, fmt.Sprintf("%016x", 7), span.Parent().SpanID().String())
		require.Equal(t, "vendor=7", span.SpanContext().TraceState().String())
		require.Equal(t, []string{traceID(5), traceID(6)}, linksOf(span))
		require.Equal(t, "vendor=6", span.Links()[1].SpanContext.TraceState().String())
		require.Equal(t, map[attribute.Key]any{
			"stockpush.status": "Successfully", "stockpush.quantity": int64(5), "stockpush.shop": "shopee/1", "stockpush.store_sku": "a",
		}, valuesOf(span))
		require.Equal(t, taken, span.StartTime())
		require.Len(t, span.Events(), 1)
		require.Equal(t, span.EndTime(), span.Events()[0].Time, "the last call began when its answer came: the channel answers at once")
		require.Greater(t, span.EndTime(), taken.Add(100*time.Millisecond))
		b.finish()
	})
}

func TestSpanOfAFailedPushHasItsCode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, spans := newTracedBench(t, channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ItemNotFound}, false)
		}))
		b.pushTraced(event("a", 1, 5), 7)
		pause(time.Second)
		require.Len(t, spans.Ended(), 1)
		require.Equal(t, "Failed", valuesOf(spans.Ended()[0])["stockpush.status"])
		require.Equal(t, "item_not_found", valuesOf(spans.Ended()[0])["stockpush.failure_code"])
		require.Equal(t, codes.Error, spans.Ended()[0].Status().Code)
		b.finish()
	})
}

func TestSpanLinksThePushesThatItSuperseded(t *testing.T) {
	supersede := map[string]func(*bench){
		"while they waited": func(b *bench) {
			b.stage.Pause([]int64{1})
			b.pushTraced(event("a", 1, 1), 1)
			b.pushTraced(event("a", 2, 2), 2)
			b.stage.Pause(nil)
		},
		"while they were in flight": func(b *bench) {
			b.pushTraced(event("a", 1, 1), 1)
			pause(30 * time.Millisecond)
			b.pushTraced(event("a", 2, 2), 2)
		},
	}
	for name, act := range supersede {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b, spans := newTracedBench(t, channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
					time.Sleep(time.Second)
					if call.Lines[0].Qty == 1 {
						return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited}, false)
					}
					return nil
				}))
				act(b)
				pause(time.Minute)
				require.Len(t, spans.Ended(), 2)
				skipped, pushed := spans.Ended()[0], spans.Ended()[1]
				require.Equal(t, traceID(1), skipped.SpanContext().TraceID().String())
				require.Equal(t, "Skipped", valuesOf(skipped)["stockpush.status"])
				require.Equal(t, "Successfully", valuesOf(pushed)["stockpush.status"])
				require.Equal(t, []string{traceID(1)}, linksOf(pushed))
				require.Equal(t, skipped.SpanContext().SpanID(), pushed.Links()[0].SpanContext.SpanID())
				b.finish()
			})
		})
	}
}

func TestPushWithoutATraceContextHasNoSpan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b, spans := newTracedBench(t, channeltest.NewMemory(nil))
		b.push(event("a", 1, 5))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		require.Empty(t, spans.Started())
		b.finish()
	})
}
