package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream/kafka"
)

// refuseProducers lets no producer begin while refused says so: what is produced waits.
func (b *bench) refuseProducers(refused func() bool) {
	b.cluster.ControlKey(int16(kmsg.InitProducerID), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if !refused() {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		answer.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return answer, nil, true
	})
}

// The client fails a whole batch when the context of its first record has ended,
// also what others put into it: one lost partition would fail all stages of a process.
func TestCancelledProduceFailsNoOtherRecords(t *testing.T) {
	b := newBench(t, 1)
	var down atomic.Bool
	var refused atomic.Int64
	down.Store(true)
	b.refuseProducers(func() bool {
		if down.Load() {
			refused.Add(1)
		}
		return down.Load()
	})
	p, err := kafka.NewProducer(b.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	defer p.Close()
	lost, lose := context.WithCancel(t.Context())
	answers := make(chan error, 2)
	for _, ctx := range []context.Context{lost, t.Context()} {
		p.Produce(ctx, &kafka.Record{Topic: topic, Partition: 0, Value: []byte("v")}, func(err error) { answers <- err })
	}
	require.Eventually(t, func() bool { return refused.Load() > 0 }, 30*time.Second, time.Millisecond)
	lose()
	down.Store(false)
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
}

// A handler that was cut off must not wait for room in the client, which headers take too.
func TestWaitForRoomEndsWithTheContext(t *testing.T) {
	b := newBench(t, 1)
	b.refuseProducers(func() bool { return true })
	p, err := kafka.NewProducer(b.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	const most = 1 << 10
	header := []kafka.Header{{Value: make([]byte, kafka.MaxUnacknowledgedBytes/most-kafka.RecordOverheadBytes-kafka.HeaderOverheadBytes)}}
	answers := make(chan error, most+1)
	for range most {
		p.Produce(ctx, &kafka.Record{Topic: topic, Partition: 0, Headers: header}, func(err error) { answers <- err })
	}
	require.Empty(t, answers)
	cancel()
	p.Produce(ctx, &kafka.Record{Topic: topic, Partition: 0}, func(err error) { answers <- err })
	require.ErrorIs(t, <-answers, context.Canceled)
	p.Close()
	for range most {
		require.ErrorIs(t, <-answers, kgo.ErrClientClosed)
	}
}
