package stream

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

type handlerFunc func(ctx context.Context, a *Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *Assignment) error { return f(ctx, a) }

// startOwner runs a handler, with a configuration that change may change.
func startOwner(t *testing.T, h handlerFunc, change func(*OwnerConfig)) (o *Owner, failed chan error) {
	failed = make(chan error, 1)
	cfg := OwnerConfig{
		Topic: "in", Alive: func() bool { return true }, MaxQueuedBatches: 2,
		Pause: func() {}, Resume: func() {}, Failed: func(err error) { failed <- err },
	}
	if change != nil {
		change(&cfg)
	}
	o = NewOwner(cfg)
	o.Start(t.Context(), h)
	return o, failed
}

// A producer fails the messages of a handler that was cut off, and the handler may return that.
func TestErrorOfAHandlerThatWasCutOffIsNoFailure(t *testing.T) {
	o, failed := startOwner(t, func(ctx context.Context, _ *Assignment) error {
		<-ctx.Done()
		return errors.New("produce: context canceled")
	}, nil)
	o.Drop()
	require.Empty(t, failed)
}

// A handler that never ends blocks neither rebalances nor the end of its stage.
func TestHandlerThatIgnoresItsEndFailsTheStage(t *testing.T) {
	for name, end := range map[string]func(context.Context, *Owner){
		"dropped": func(_ context.Context, o *Owner) { o.Drop() },
		"drained": func(ctx context.Context, o *Owner) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			o.Drain(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				o, failed := startOwner(t, func(context.Context, *Assignment) error { <-release; return nil }, nil)
				end(t.Context(), o)
				require.ErrorIs(t, <-failed, ErrStuck)
				require.False(t, o.Alive())
				close(release)
				<-o.done
			})
		})
	}
}

func TestHandlerThatEndsEarlyFailsTheStage(t *testing.T) {
	o, failed := startOwner(t, func(context.Context, *Assignment) error { return errors.New("broken") }, nil)
	select {
	case err := <-failed:
		require.ErrorContains(t, err, "broken")
	case <-time.After(30 * time.Second):
		require.Fail(t, "it was not reported")
	}
	o.Drop()
}

// A partition whose handler takes a batch in time is not paused.
func TestPartitionIsPausedIfItsQueueStaysFull(t *testing.T) {
	for name, tt := range map[string]struct {
		takes  time.Duration
		paused int32
	}{"a busy one": {roomWait / 2, 0}, "a stuck one": {time.Minute, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var paused, resumed atomic.Int32
				o, _ := startOwner(t, func(_ context.Context, a *Assignment) error {
					for range a.Batches() {
						time.Sleep(tt.takes)
					}
					return nil
				}, func(c *OwnerConfig) { c.Pause, c.Resume = func() { paused.Add(1) }, func() { resumed.Add(1) } })
				for offset := range int64(10) {
					require.NoError(t, o.Push(records(offset), 10))
					makeRoom(t.Context(), []*Owner{o})
				}
				require.Equal(t, tt.paused, paused.Load())
				require.Zero(t, resumed.Load())
				time.Sleep(time.Hour)
				require.Equal(t, tt.paused, resumed.Load())
				o.Drain(t.Context())
			})
		})
	}
}

// The client keeps a pause when a partition is taken away. The next assignment of the partition
// to this process would get nothing.
func TestPauseEndsWithItsAssignment(t *testing.T) {
	gone := map[string][]int32{"in": {0}}
	for name, end := range map[string]func(*Stage){
		"revoked": func(s *Stage) { s.revoked(t.Context(), s.client, gone) },
		"lost":    func(s *Stage) { s.lost(t.Context(), s.client, gone) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newIdleStage(t, Config{DrainTimeout: time.Millisecond}, func(ctx context.Context, _ *Assignment) error {
				<-ctx.Done()
				return nil
			})
			s.own(topicPartition{"in", 0})
			o := s.all()[0]
			for offset := range int64(2) {
				require.NoError(t, o.Push(records(offset), 2))
			}
			o.PauseIfFull()
			require.Equal(t, gone, s.client.PauseFetchPartitions(nil))
			end(s)
			require.Empty(t, s.client.PauseFetchPartitions(nil))
			require.Empty(t, s.all())
		})
	}
}

// newIdleStage makes a stage that fetches nothing, of a topic "in" with one partition.
func newIdleStage(t *testing.T, cfg Config, h handlerFunc) *Stage {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	conn := kafka.Connection{Brokers: cluster.ListenAddrs()}
	cfg.Group, cfg.Topics = "g", []string{"in"}
	s, err := New(cfg, Deps{Connection: conn, Handler: h, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	s.runCtx = t.Context()
	s.client, err = kgo.NewClient(append(conn.Options(), kgo.ConsumeTopics("in"))...)
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	return s
}
