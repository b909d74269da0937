package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While partitions are behind, windows last processor.catch_up_window: a backlog of 40 events per
// store SKU becomes few pushes, not one for almost every event.
func TestBacklogIsCompactedInLongWindows(t *testing.T) {
	const events, skus = 400_000, 10_000
	s := newBacklog(t, events, skus, "--processor.window=20ms")
	p := s.Serve()
	require.Eventually(t, func() bool { return p.Metric("stockpush_processor_events_total") == events }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool { return p.Metric("stockpush_processor_waiting") == 0 }, time.Minute, 10*time.Millisecond)
	commands := p.Metric("stockpush_processor_commands_total")
	t.Logf("%.0f commands", commands)
	require.Less(t, commands, float64(events)/4)
	p.Terminate()
}
