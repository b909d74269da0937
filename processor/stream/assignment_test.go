package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
)

func records(offsets ...int64) []*kafka.Record {
	var batch []*kafka.Record
	for _, offset := range offsets {
		batch = append(batch, &kafka.Record{Offset: offset})
	}
	return batch
}

func TestRewoundLogIsAnError(t *testing.T) {
	a := NewOwner(OwnerConfig{Topic: "in"}).Assignment
	require.NoError(t, a.track(fetchOf(records(5, 6, 9), 10)))
	require.NoError(t, a.track(fetchOf(records(12), 13)))
	require.ErrorIs(t, a.track(fetchOf(records(3), 4)), errRewound)
}

func TestLagIsCountedFromTheCommittableOffset(t *testing.T) {
	a := NewOwner(OwnerConfig{Topic: "in"}).Assignment
	require.Zero(t, a.lag())
	require.NoError(t, a.track(fetchOf(records(5, 6, 7), 20)))
	require.Equal(t, int64(15), a.lag())
	a.Resolve(5, 6)
	require.Equal(t, int64(13), a.lag())
}

func TestOldestUnresolvedRecordHasAnAge(t *testing.T) {
	a := NewOwner(OwnerConfig{Topic: "in"}).Assignment
	require.Zero(t, a.oldest())
	require.NoError(t, a.track(fetchOf(records(0, 1), 2)))
	first := a.oldest()
	require.False(t, first.IsZero())
	require.NoError(t, a.track(fetchOf(records(2), 3)))
	require.Equal(t, first, a.oldest())
	a.Resolve(0, 1)
	second := a.oldest()
	require.Len(t, a.ages, 1)
	require.Equal(t, a.ages[0].at, second)
	a.Resolve(2)
	require.Zero(t, a.oldest())
}

func TestAgesForgetResolvedBatches(t *testing.T) {
	var a ages
	start := time.Unix(0, 0)
	for i := range int64(10) {
		a = append(a, delivery{i*10 + 9, start.Add(time.Duration(i) * time.Second)})
	}
	require.Equal(t, start.Add(3*time.Second), a.of(35))
	require.Len(t, a, 7)
	require.Zero(t, a.of(1000))
}
