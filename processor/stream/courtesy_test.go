package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOthersLetCompactionGoFirstForATime(t *testing.T) {
	var c turns
	start := time.Unix(1_700_000_000, 0)
	for _, step := range []struct {
		after  time.Duration
		behind bool
		yields bool
	}{
		{0, false, false},
		{time.Second, true, true},
		{maxYield, true, true},
		{maxYield + time.Second, true, false}, // long enough
		{2 * maxYield, true, false},
		{2*maxYield + time.Second, true, true}, // and again
		{2*maxYield + 2*time.Second, false, false},
		{2*maxYield + 3*time.Second, true, true}, // a new reason, a new time
		{3*maxYield + 2*time.Second, true, true},
		{3*maxYield + 3*time.Second, true, false},
	} {
		require.Equal(t, step.yields, c.yields(step.behind, start.Add(step.after)), "%v", step.after)
	}
}

func TestACourtesyLooksNowAndThen(t *testing.T) {
	var none *Courtesy
	require.False(t, none.Yields(time.Now()))
	behind, looks := int64(farBehind), 0
	c := NewCourtesy(func() int64 { looks++; return behind })
	now := time.Unix(1_700_000_000, 0)
	require.True(t, c.Yields(now))
	behind--
	require.True(t, c.Yields(now.Add(yieldLook-1)))
	require.Equal(t, 1, looks)
	require.False(t, c.Yields(now.Add(yieldLook)))
	require.Equal(t, 2, looks)
}
