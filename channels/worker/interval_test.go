package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

// A state that an earlier owner wrote over is there until it was noticed, many times over,
// and partitions take turns in looking.
func TestStatesAreRereadBeforeKafkaCompactsThem(t *testing.T) {
	cfg := &Config{}
	every := cfg.rereadEvery()
	require.GreaterOrEqual(t, schemas.StateCompactionLag, 20*every)
	for _, spec := range schemas.Topics("t").Specs(1) {
		if spec.Name == schemas.Topics("t").State() {
			require.Equal(t, map[string]string{"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}, spec.Configs)
		}
	}
	first := map[time.Duration]bool{}
	for partition := range int32(64) {
		at := cfg.firstReread(partition)
		require.GreaterOrEqual(t, at, every)
		require.Less(t, at, 2*every)
		first[at] = true
	}
	require.Len(t, first, 16)
}
