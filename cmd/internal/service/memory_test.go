package service

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimitGrowsWithLiveData(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, scanned, beside, limit int64 }{
		{live: 10, scanned: 10, beside: 5, limit: 620},
		{live: 400, scanned: 400, beside: 70, limit: 620},
		{live: 400, scanned: 400, beside: 80, limit: 630},
		{live: 480, scanned: 480, limit: 660},
		{live: 3072, scanned: 3072, limit: 4224},
		{live: 3072, scanned: 1200, limit: 3522}, // little is scanned
		{live: 3072, scanned: 10, limit: 3456},   // almost nothing is scanned
	} {
		require.Equal(t, c.limit*mib, usage{live: c.live * mib, scanned: c.scanned * mib, beside: c.beside * mib}.limit(), "%+v", c)
	}
}

func TestNonObjectMemoryCounts(t *testing.T) {
	kept := make([][]byte, 1000)
	for i := range kept {
		kept[i] = make([]byte, 64<<10)
	}
	runtime.GC()
	before := use()
	require.Greater(t, before.live, int64(1000*64<<10))
	require.Less(t, before.beside, before.live/2, "objects must not count twice")
	require.Less(t, before.scanned, before.live/2, "memory without pointers is not scanned")
	ended := make(chan struct{})
	var stacks sync.WaitGroup
	for range 1000 {
		stacks.Go(func() { deep(1000, ended) })
	}
	require.Eventually(t, func() bool { return use().beside-before.beside > 20<<20 }, 10*time.Second, time.Millisecond)
	close(ended)
	stacks.Wait()
	runtime.KeepAlive(kept)
}

// deep blocks on a stack of a number of frames.
func deep(frames int, ended <-chan struct{}) int {
	if frames == 0 {
		<-ended
		return 0
	}
	return 1 + deep(frames-1, ended)
}

func TestMemoryIsBoundedWhileTheProcessRuns(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- boundMemory(ctx, math.MaxInt64, slog.New(slog.DiscardHandler)) }()
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	require.Eventually(t, func() bool { return limit() == memoryTarget }, 30*time.Second, time.Millisecond)
	large := make([]byte, 640<<20)
	runtime.GC()
	require.Eventually(t, func() bool { return limit() > memoryTarget && limit() < math.MaxInt64 }, 30*time.Second, 10*time.Millisecond)
	runtime.KeepAlive(large)
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, before, limit())
}

func TestMemoryStaysWithinTheContainer(t *testing.T) {
	const most = 200 << 20
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var log bytes.Buffer
	large := make([]byte, 640<<20) // more than the container has
	go func() { ended <- boundMemory(ctx, most, slog.New(slog.NewTextHandler(&log, nil))) }()
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	require.Eventually(t, func() bool { return limit() == most }, 30*time.Second, time.Millisecond)
	require.Never(t, func() bool { return limit() != most }, 2*memoryCheck, 50*time.Millisecond)
	runtime.KeepAlive(large)
	cancel()
	require.NoError(t, <-ended)
	require.Contains(t, log.String(), "by=cgroup limit_mib=200")
}

func TestGOMEMLIMITTakesPrecedence(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	var log bytes.Buffer
	require.NoError(t, BoundMemory(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
	require.Contains(t, log.String(), "by=GOMEMLIMIT limit=1GiB")
}
