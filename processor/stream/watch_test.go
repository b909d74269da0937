package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
)

// written returns records that were written so long ago.
func written(ago time.Duration, offsets ...int64) []*kafka.Record {
	all := records(offsets...)
	for _, r := range all {
		r.Timestamp = time.Now().Add(-ago)
	}
	return all
}

// The age of the oldest unread record is exact if it is fetched, and else not below its true age.
func TestOldestUnreadRecordHasAnAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take := make(chan struct{})
		o, _ := startOwner(t, func(_ context.Context, a *Assignment) error {
			for range take {
				<-a.Batches()
			}
			return nil
		}, nil)
		age := func() time.Duration {
			synctest.Wait()
			if at := o.oldestUnread(); !at.IsZero() {
				return time.Since(at)
			}
			return 0
		}
		require.Zero(t, age(), "the position is not known")
		o.setStart(0)
		o.setBrokerEnd(2)
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, age(), "since the assignment, as nothing was fetched")
		require.NoError(t, o.Push(written(3*time.Hour, 0, 1), 3))
		require.NoError(t, o.Push(written(2*time.Hour, 2), 3))
		require.Equal(t, 3*time.Hour, age())
		take <- struct{}{}
		require.Equal(t, 2*time.Hour, age())
		o.setBrokerEnd(4)
		take <- struct{}{}
		require.Equal(t, 2*time.Hour, age(), "the next one is not fetched, and not older than the one before")
		require.NoError(t, o.Push(written(time.Hour, 3), 4))
		require.Equal(t, time.Hour, age())
		take <- struct{}{}
		require.Zero(t, age(), "all are read")
		time.Sleep(time.Hour)
		o.checkProgress(4, time.Now())
		time.Sleep(time.Second)
		o.setBrokerEnd(5)
		require.Equal(t, time.Second, age(), "it was written after all was read")
		close(take)
		o.Drain(t.Context())
	})
}
