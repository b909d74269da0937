package processor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/latest"
)

// A partition lives for months: a closed window must leave nothing behind.
func TestClosedWindowLeavesNoTraceContext(t *testing.T) {
	open, window := traces{}, &latest.Entry{}
	open.put(latest.Result{Entry: window}, []byte("00-"+strings.Repeat("1", 32)+"-"+strings.Repeat("2", 16)+"-01"))
	require.Len(t, open.take(window), 1)
	require.Empty(t, open)
}
