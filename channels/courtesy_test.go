package channels_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream"
)

func TestWhileManyEventsWaitCommandsLetThemGoFirstAndLanesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var behind atomic.Int64
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{
			courtesy: stream.NewCourtesy(behind.Load), change: func(c *channels.Config) { c.BatchLinger = 2 * time.Second },
		})
		pushed := func() int { return len(b.log.last()) }
		b.push(event("a", 0, 1))
		behind.Store(1 << 20)
		pause(3 * time.Second)
		require.Equal(t, 1, pushed(), "what waits in a lane is pushed")
		go b.push(event("b", 1, 2))
		pause(5 * time.Second)
		require.Equal(t, 1, pushed())
		behind.Store(0)
		pause(3 * time.Second)
		require.Equal(t, 2, pushed())
		b.finish()
	})
}

func TestAPartitionThatIsGivenBackWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{courtesy: stream.NewCourtesy(func() int64 { return 1 << 20 })})
		began := time.Now()
		b.finish()
		require.Less(t, time.Since(began), time.Second)
		require.Empty(t, b.log.last())
	})
}
