package stream_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream"
)

// assignments hands over each assignment when its handler starts.
func assignments(to chan *stream.Assignment) handlerFunc {
	return func(_ context.Context, a *stream.Assignment) error {
		to <- a
		for range a.Batches() {
		}
		return nil
	}
}

// A process that was killed does not leave, and cannot be told from one whose network is cut. The
// broker gives its partitions to the next process with its instance id at once.
func TestStaticMemberActsOnlyAfterTheOneBeforeStopped(t *testing.T) {
	b := newBench(t, 1)
	b.instance = "pod-0"
	way, whole := &cuttable{}, b.conn
	b.conn.Extra = []kgo.Opt{kgo.Dialer(way.dial)}
	before, after := make(chan *stream.Assignment, 1), make(chan *stream.Assignment, 1)
	stopFirst := b.run(assignments(before))
	old := <-before
	require.Eventually(t, old.Alive, 10*time.Second, time.Millisecond)
	way.cut(7 * time.Second)
	b.conn = whole
	restarted := time.Now()
	stopSecond := b.run(assignments(after))
	next := <-after
	require.False(t, old.Alive(), "it acts beside its successor")
	require.Less(t, time.Since(restarted), 5*time.Second, "the session lasts for 6 s")
	require.Eventually(t, next.Alive, 10*time.Second, time.Millisecond)
	require.NoError(t, stopSecond())
	_ = stopFirst() // it was replaced
}

func TestInstanceIDThatIsUsedTwiceEndsTheOlderMember(t *testing.T) {
	b := newBench(t, 2)
	b.instance = "pod-0"
	before, after := make(chan *stream.Assignment, 2), make(chan *stream.Assignment, 2)
	first := b.member(prometheus.NewRegistry(), assignments(before))
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- first.Run(ctx) }()
	old := <-before
	stop := b.run(assignments(after))
	<-after
	require.False(t, old.Alive(), "two processes act")
	select {
	case err := <-ended:
		require.ErrorIs(t, err, kerr.FencedInstanceID)
		require.ErrorContains(t, err, "kafka.instance_id \"pod-0\"")
	case <-time.After(20 * time.Second):
		require.Fail(t, "the older member runs on")
	}
	require.NoError(t, stop())
}

// A rolling restart moves no partition: the member does not leave, and gets its own back. (Apache
// Kafka does not even rebalance.)
func TestStaticMemberThatEndsGetsItsPartitionsBack(t *testing.T) {
	b := newBench(t, 2)
	var leaves atomic.Int64
	b.cluster.ControlKey(int16(kmsg.LeaveGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		leaves.Add(1)
		return nil, nil, false
	})
	one, two := make(chan *stream.Assignment, 4), make(chan *stream.Assignment, 4)
	b.instance = "pod-0"
	stopOne := b.run(assignments(one))
	kept := map[int32]*stream.Assignment{}
	for range 2 {
		a := <-one
		kept[a.Partition()] = a
	}
	b.instance = "pod-1"
	stopTwo := b.run(assignments(two))
	moved := (<-two).Partition()
	for range 2 {
		require.NoError(t, stopTwo())
		stopTwo = b.run(assignments(two))
		require.Equal(t, moved, (<-two).Partition())
	}
	require.Zero(t, leaves.Load())
	require.Empty(t, one)
	require.Eventually(t, kept[1-moved].Alive, 10*time.Second, time.Millisecond, "the other member's partition was interrupted")
	require.NoError(t, stopTwo())
	require.NoError(t, stopOne())
}
