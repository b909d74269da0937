package stream_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
)

func TestResolveAfterARevokeHasNoEffect(t *testing.T) {
	b := newBench(t, 1)
	seen := make(chan *stream.Assignment, 1)
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) {
		if r.Offset == 0 {
			seen <- a
		}
	}))
	b.produce(0, 5)
	old := <-seen
	require.True(t, old.Alive())
	require.NoError(t, stop())
	require.False(t, old.Alive())
	for offset := range int64(5) {
		old.Resolve(offset)
	}
	next := make(chan int64, 10)
	stop = b.run(each(func(_ *stream.Assignment, r *kafka.Record) { next <- r.Offset }))
	require.Zero(t, <-next)
	require.NoError(t, stop())
	require.LessOrEqual(t, b.committed(0), int64(0))
}

func TestRebalanceWithWorkInFlightLosesNothing(t *testing.T) {
	const partitions, each1 = 6, 200
	b := newBench(t, partitions)
	var mu sync.Mutex
	owners := map[int32]int{}
	resolved := map[string]bool{}
	h := handlerFunc(func(ctx context.Context, a *stream.Assignment) error {
		mu.Lock()
		owners[a.Partition()]++
		require.Equal(t, 1, owners[a.Partition()], "two owners of a partition")
		mu.Unlock()
		var resolving sync.WaitGroup
		for batch := range a.Batches() {
			for _, r := range batch.Records {
				offset := r.Offset
				resolving.Go(func() {
					mu.Lock()
					resolved[fmt.Sprint(a.Partition(), "/", offset)] = true
					mu.Unlock()
					a.Resolve(offset)
				})
			}
		}
		resolving.Wait()
		mu.Lock()
		owners[a.Partition()]--
		mu.Unlock()
		return nil
	})
	stopOne := b.run(h)
	for p := range int32(partitions) {
		b.produce(p, each1)
	}
	stopTwo := b.run(h)
	for p := range int32(partitions) {
		b.produce(p, each1)
	}
	require.NoError(t, stopOne())
	for p := range int32(partitions) {
		b.eventuallyCommitted(p, 2*each1)
	}
	require.NoError(t, stopTwo())
	require.Len(t, resolved, partitions*2*each1)
}

// A member that ends drains first; a rebalance that comes meanwhile waits for it.
func TestRebalanceDuringTheEndWaitsForTheDrain(t *testing.T) {
	b := newBench(t, 2)
	var joins, beats atomic.Int64
	b.cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		switch r.(type) {
		case *kmsg.JoinGroupRequest:
			joins.Add(1)
		case *kmsg.HeartbeatRequest:
			beats.Add(1)
		}
		return nil, nil, false
	})
	draining, release := make(chan struct{}, 2), make(chan struct{})
	var drained atomic.Int64
	stopOne := b.run(handlerFunc(func(ctx context.Context, a *stream.Assignment) error {
		for range a.Batches() {
		}
		draining <- struct{}{}
		<-release
		drained.Add(1)
		return nil
	}))
	go func() { _ = stopOne() }()
	<-draining
	<-draining
	joined := joins.Load()
	early := make(chan bool, 2)
	two := make(chan func() error, 1)
	go func() {
		two <- b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
			early <- drained.Load() < 2
			for range a.Batches() {
			}
			return nil
		}))
	}()
	require.Eventually(t, func() bool { return joins.Load() > joined }, 10*time.Second, time.Millisecond)
	heard := beats.Load()
	require.Eventually(t, func() bool { return beats.Load() > heard+2 }, 10*time.Second, time.Millisecond)
	close(release)
	require.NoError(t, stopOne())
	for range 2 {
		require.False(t, <-early, "a partition went to another member before it was drained")
	}
	require.NoError(t, (<-two)())
}

func TestHandlerThatDoesNotEndIsCutOff(t *testing.T) {
	b := newBench(t, 1)
	started := make(chan struct{})
	stop := b.run(handlerFunc(func(ctx context.Context, _ *stream.Assignment) error {
		close(started)
		<-ctx.Done()
		return nil
	}))
	<-started
	require.NoError(t, stop())
}

func TestEndDoesNotWaitForASilentBroker(t *testing.T) {
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) }) // after the broker's end: one that wakes while it ends may never end
	b := newBench(t, 1)
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) { a.Resolve(r.Offset) }))
	b.cluster.ControlKey(int16(kmsg.LeaveGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() { <-silent })
		return nil, nil, false
	})
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(25 * time.Second):
		require.Fail(t, "it waits for the answer")
	}
}
