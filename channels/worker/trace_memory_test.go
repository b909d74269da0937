package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"stockpush/channels/lane"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// A partition lives for months: a push that ended must leave nothing behind.
func TestEndedPushLeavesNoTraceContext(t *testing.T) {
	tracing := newTracing(noop.NewTracerProvider().Tracer("test"))
	tracing.pushes[7] = &traced{taken: time.Now()}
	tracing.finish(&lane.Outcome{SKU: &sku.SKU{}, Offsets: []int64{7}, Status: schemas.Successfully}, time.Now())
	require.Empty(t, tracing.pushes)
}
