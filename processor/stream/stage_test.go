package stream_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
)

func TestOnlyTheWatermarkIsCommitted(t *testing.T) {
	b := newBench(t, 1)
	release := make(chan struct{})
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) {
		if r.Offset == 3 {
			go func() { <-release; a.Resolve(3) }()
			return
		}
		a.Resolve(r.Offset)
	}))
	b.produce(0, 10)
	b.eventuallyCommitted(0, 3)
	close(release)
	b.eventuallyCommitted(0, 10)
	require.NoError(t, stop())
}

func TestSlowPartitionBlocksNoOther(t *testing.T) {
	b := newBench(t, 2)
	block := make(chan struct{})
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) {
		if r.Partition == 0 {
			<-block
		}
		a.Resolve(r.Offset)
	}))
	for range 10 {
		b.produce(0, 10)
	}
	b.produce(1, 100)
	b.eventuallyCommitted(1, 100)
	close(block)
	b.eventuallyCommitted(0, 100)
	require.NoError(t, stop())
}

// A fetch waits at the broker while others are resumed, so it must not wait long.
func TestFetchDoesNotWaitLongForAnEmptyPartition(t *testing.T) {
	b := newBench(t, 2)
	longest := make(chan int32, 1)
	b.cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case longest <- r.(*kmsg.FetchRequest).MaxWaitMillis:
		default:
		}
		return nil, nil, false
	})
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) { a.Resolve(r.Offset) }))
	require.LessOrEqual(t, <-longest, int32(100))
	require.NoError(t, stop())
}

func TestStageWaitsForAStoppedBroker(t *testing.T) {
	b := newBench(t, 1)
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) { a.Resolve(r.Offset) }))
	b.produce(0, 5)
	b.eventuallyCommitted(0, 5)
	var down atomic.Bool
	var refused atomic.Int64
	down.Store(true)
	b.cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if down.Load() {
			refused.Add(1)
		}
		return nil, errors.New("the broker is down"), down.Load()
	})
	require.Eventually(t, func() bool { return refused.Load() > 5 }, 10*time.Second, time.Millisecond)
	down.Store(false)
	b.produce(0, 5)
	b.eventuallyCommitted(0, 10)
	require.NoError(t, stop())
}

func TestHandlerErrorEndsTheStageAndCommitsWhatWasResolved(t *testing.T) {
	b := newBench(t, 1)
	broken := errors.New("broken")
	stop := b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
		for batch := range a.Batches() {
			for _, r := range batch.Records {
				if r.Offset == 2 {
					return broken
				}
				a.Resolve(r.Offset)
			}
		}
		return nil
	}))
	b.produce(0, 5)
	b.eventuallyCommitted(0, 2)
	require.ErrorIs(t, stop(), broken)
}

func TestUnresolvedRecordHasAnAge(t *testing.T) {
	b := newBench(t, 1)
	b.produce(0, 3)
	registry := prometheus.NewRegistry()
	taken := make(chan struct{}, 10)
	b.runIn(registry, each(func(a *stream.Assignment, r *kafka.Record) {
		if r.Offset != 1 {
			a.Resolve(r.Offset)
		}
		taken <- struct{}{}
	}))
	for range 3 {
		<-taken
	}
	age := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == "stockpush_stream_oldest_unresolved_seconds" {
				return family.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	first := age()
	require.Positive(t, first)
	require.Eventually(t, func() bool { return age() > first+0.2 }, 30*time.Second, 10*time.Millisecond)
	b.eventuallyCommitted(0, 1)
}

func TestFailedCommitIsRetried(t *testing.T) {
	b := newBench(t, 1)
	refused := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.OffsetCommitRequest)
		answer := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, asked := range req.Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				partition := kmsg.NewOffsetCommitResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.CoordinatorLoadInProgress.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		close(refused)
		return answer, nil, true
	})
	stop := b.run(each(func(a *stream.Assignment, r *kafka.Record) { a.Resolve(r.Offset) }))
	b.produce(0, 3)
	<-refused
	b.eventuallyCommitted(0, 3)
	require.NoError(t, stop())
}

// A mark is part of the last commit, and the next owner finds it in its backlog.
func TestMarkIsFoundInTheBacklog(t *testing.T) {
	b := newBench(t, 2)
	of := kafka.Place{Topic: topic, Partition: 1}
	b.produce(1, 5)
	backlog, err := kafka.ReadBacklog(t.Context(), b.conn, group, of)
	require.NoError(t, err)
	require.Equal(t, kafka.Backlog{From: 0, End: 5}, backlog)
	for _, mark := range []string{"clean one", ""} {
		stop := b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
			for batch := range a.Batches() {
				for _, r := range batch.Records {
					a.Resolve(r.Offset)
				}
			}
			a.Mark(mark)
			return nil
		}))
		b.produce(1, 5)
		want := backlog.End + 5
		b.eventuallyCommitted(1, want)
		require.NoError(t, stop())
		backlog, err = kafka.ReadBacklog(t.Context(), b.conn, group, of)
		require.NoError(t, err)
		require.Equal(t, want, backlog.From)
		require.Equal(t, want, backlog.End)
		require.Equal(t, mark != "", backlog.Mark == "clean one", "a later owner's commit has none")
	}
}
