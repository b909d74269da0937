package service

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheMemoryTargetYieldsToWhatMustBeRemembered(t *testing.T) {
	require.Equal(t, int64(448<<20), memoryLimit(10<<20))
	require.Equal(t, int64(448<<20), memoryLimit(300<<20))
	require.Equal(t, int64(520<<20), memoryLimit(390<<20))
	require.Equal(t, int64(3<<30), memoryLimit(2<<30))
}

func TestTheMemoryIsBoundWhileTheProcessRuns(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- BoundMemory(ctx) }()
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	require.Eventually(t, func() bool { return limit() == memoryTarget }, 30*time.Second, time.Millisecond)
	large := make([]byte, 450<<20)
	runtime.GC()
	require.Eventually(t, func() bool { return limit() > memoryTarget && limit() < math.MaxInt64 }, 30*time.Second, 10*time.Millisecond)
	runtime.KeepAlive(large)
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, before, limit())
}
