package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
)

func TestReadPartitionReadsAllMessages(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for partition, want := range map[int32]int{0: 0, 1: 1000} {
		n := 0
		require.NoError(t, kafka.ReadPartition(t.Context(), b.conn, topic, partition, func(*kafka.Record) error { n++; return nil }))
		require.Equal(t, want, n)
	}
	_, err := kafka.Describe(t.Context(), b.conn, "absent")
	require.ErrorIs(t, err, kafka.ErrNoTopic)
	info, err := kafka.Describe(t.Context(), b.conn, topic)
	require.NoError(t, err)
	require.Equal(t, 2, info.Partitions)
}

func TestReadSpanReadsTheMessagesOfASpan(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for _, c := range []struct{ from, to, want int64 }{{0, 1000, 1000}, {10, 20, 10}, {999, 2000, 1}, {1000, 1001, 0}, {5, 5, 0}} {
		next := c.from
		require.NoError(t, kafka.ReadSpan(t.Context(), b.conn, kafka.Span{Topic: topic, Partition: 1, From: c.from, To: c.to}, func(r *kafka.Record) error {
			require.Equal(t, next, r.Offset)
			next++
			return nil
		}))
		require.Equal(t, c.want, next-c.from)
	}
}
