package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A process that is far behind compacts first: lanes that took its commands meanwhile would
// push what is old already, and make it slower. So no window closes before, either.
func TestAProcessThatIsFarBehindCompactsFirst(t *testing.T) {
	const events, skus = 400_000, 10_000
	s := newBacklog(t, "processor: {window: 20ms}\n", events, skus)
	p := s.serve()
	went := false
	deadline := time.Now().Add(time.Minute)
	for p.metric("stockpush_channels_calls_total") == 0 {
		require.True(t, time.Now().Before(deadline), "nothing is pushed")
		went = went || p.metric("stockpush_stream_compaction_first") == 1
	}
	taken := p.metric("stockpush_processor_events_total")
	t.Logf("the first call came when %.0f of %d events were compacted", taken, events)
	require.True(t, went, "the metric says so meanwhile")
	require.Greater(t, taken, float64(events)/2)
	commands := p.metric("stockpush_processor_commands_total")
	t.Logf("%.0f commands", commands)
	require.Less(t, commands, float64(events)/3, "two of three events would be alone in their window")
	p.terminate()
}
