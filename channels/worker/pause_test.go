package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

// downUntil is a marketplace that is down for the first n calls.
func downUntil(n int) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, i int, call channels.Call) *channels.Answer {
		if i >= n {
			return nil
		}
		return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable}, true)
	})
}

func TestPushThatIsTooOldIsTriedOnceMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, downUntil(1), options{change: func(c *channeltest.Settings) { c.MaxPendingAge = time.Hour }})
		b.pushQueued(time.Now().Add(-2*time.Hour), event("a", 1, 1))
		pause(time.Minute)
		require.Equal(t, schemas.Failed, b.statusOf("a@1"))
		require.Equal(t, schemas.ChannelUnavailable, b.log.last()["a@1"].FailureCode)
		require.Len(t, b.memory.Calls(), 1)
		b.finish()
	})
}

func TestPushesDoNotAgeWhileTheShopIsPaused(t *testing.T) {
	cases := []struct {
		name      string
		queuedAgo time.Duration
		inherited int64
	}{
		{"paused while it waits", 0, 0},
		{"left to a paused shop by an earlier owner", 30 * time.Hour, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t.Context(), t, downUntil(2), options{inheritedBelow: c.inherited})
				b.stage.Pause([]int64{1})
				b.pushQueued(time.Now().Add(-c.queuedAgo), event("a", 1, 1))
				pause(48 * time.Hour)
				b.stage.Pause(nil)
				pause(time.Minute)
				require.Equal(t, schemas.Successfully, b.statusOf("a@1"), "two tries failed, and it was not too old for a third")
				b.finish()
			})
		})
	}
}

func TestHeldShopWithoutWaitingPushesIsProbedByARead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n > 0 {
				return nil
			}
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(lost), options{})
		b.push(event("a", 1, 1))
		pause(59 * time.Second)
		require.Zero(t, b.memory.Reads())
		pause(2 * time.Second)
		require.Equal(t, 1, b.memory.Reads())
		pause(5 * time.Minute)
		require.Equal(t, 1, b.memory.Reads(), "the probe passed")
		b.push(event("a", 2, 2))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.finish()
	})
}

func TestStateNewerThanTheEventsLogStopsTheStage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		first.push(event("a", 7, 1))
		pause(time.Second)
		first.finish()
		broken := errors.New("recreated")
		var asked schemas.Frontier
		stage, err := worker.New(channeltest.Defaults().Config, worker.Deps{
			Channel: channeltest.NewMemory(nil), RecordPartitions: 1, Pacer: pacer.New(5, 20),
			History: channeltest.History{Records: first.log.states}, Metrics: worker.NewMetrics(prometheus.NewRegistry()),
			Producer: first.log, Logger: slog.New(slog.DiscardHandler), Verify: func(_ context.Context, newest schemas.Frontier) error { asked = newest; return broken },
		})
		require.NoError(t, err)
		assignment, _ := streamtest.NewAssignment(t.Context(), topics.Commands(), 0)
		require.ErrorIs(t, stage.Run(t.Context(), assignment), broken)
		require.Equal(t, schemas.Frontier{0: {LogID: 1, Offset: 7}}, asked)
	})
}
