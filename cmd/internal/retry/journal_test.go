package retry

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func failureAt(offset int64) failure {
	return failure{schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "x"}, schemas.Position{LogID: 1, Offset: offset}}
}

func TestReservationExpiresOrIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		require.True(t, j.reserve(failureAt(1)))
		require.False(t, j.reserve(failureAt(1)))
		require.True(t, j.has(failureAt(1)))
		require.True(t, j.reserve(failureAt(2)), "the failure of its retry is another one")
		j.release([]repeat{{of: failureAt(1)}})
		require.True(t, j.reserve(failureAt(1)))
		time.Sleep(reservedFor)
		require.False(t, j.has(failureAt(1)))
		require.True(t, j.reserve(failureAt(1)))
	})
}

func TestJournalIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		events := func(from, n int) (all []repeat) {
			for i := from; i < from+n; i++ {
				j.reserve(failureAt(int64(i)))
				all = append(all, repeat{event: schemas.Event{EventID: fmt.Sprint(i)}, of: failureAt(int64(i))})
			}
			return all
		}
		for from := 0; from <= maxRemembered; from += MaxEvents {
			j.remember(events(from, MaxEvents))
		}
		require.Len(t, j.keys, maxRemembered)
		time.Sleep(rememberedFor + time.Second)
		j.remember(events(-1, 1))
		require.Len(t, j.keys, 1)
		require.Len(t, j.order, 1)
		require.Len(t, j.reserved, 1)
	})
}

func TestEventIDBoundsTheTriggerTime(t *testing.T) {
	id, err := uuid.NewV7()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-clocksDiffer), bornAfter([]string{id.String()}), time.Second)
	require.WithinDuration(t, time.Now().Add(-clocksDiffer), bornAfter([]string{id.String() + "-4711"}), time.Second)
	require.Zero(t, bornAfter([]string{id.String(), "sim-1"}))
	require.Zero(t, bornAfter([]string{uuid.NewString()}))
	require.Zero(t, bornAfter(nil))
}
