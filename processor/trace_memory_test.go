package processor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/latest"
	"stockpush/schemas"
)

// A partition lives for months: a closed window must leave nothing behind.
func TestClosedWindowLeavesNoTraceContext(t *testing.T) {
	open, window := traces{}, &latest.Entry{}
	open.put(latest.Result{Entry: window}, schemas.TraceContext{Traceparent: "00-1", Tracestate: "vendor=1"})
	require.Len(t, open.take(window), 2)
	require.Empty(t, open)
}
