package stream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream"
)

func TestReadPartitionReadsAllMessages(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for partition, want := range map[int32]int{0: 0, 1: 1000} {
		n := 0
		require.NoError(t, stream.ReadPartition(t.Context(), b.conn, topic, partition, func(*stream.Record) error { n++; return nil }))
		require.Equal(t, want, n)
	}
	_, err := stream.Describe(t.Context(), b.conn, "absent")
	require.ErrorIs(t, err, stream.ErrNoTopic)
	info, err := stream.Describe(t.Context(), b.conn, topic)
	require.NoError(t, err)
	require.Equal(t, 2, info.Partitions)
}

func TestReadSpanReadsTheMessagesOfASpan(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for _, c := range []struct{ from, to, want int64 }{{0, 1000, 1000}, {10, 20, 10}, {999, 2000, 1}, {1000, 1001, 0}, {5, 5, 0}} {
		next := c.from
		require.NoError(t, stream.ReadSpan(t.Context(), b.conn, stream.Span{Topic: topic, Partition: 1, From: c.from, To: c.to}, func(r *stream.Record) error {
			require.Equal(t, next, r.Offset)
			next++
			return nil
		}))
		require.Equal(t, c.want, next-c.from)
	}
}
