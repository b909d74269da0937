package channels

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func waitingPush(item int64) (*storeSKU, *push) {
	return &storeSKU{}, &push{Command: schemas.Command{Event: schemas.Event{ItemID: item}}}
}

func TestItemsTakeTurns(t *testing.T) {
	q, now := newQueue(), time.Now()
	for _, item := range []int64{1, 2, 3} {
		q.put(waitingPush(item))
	}
	var turns []int64
	for range 7 {
		it, _ := q.next(now)
		turns = append(turns, it.id)
		q.depart(it, now, 0)
		q.put(waitingPush(it.id)) // the busiest item has always more
		q.land(it)
	}
	require.Equal(t, []int64{1, 2, 3, 1, 2, 3, 1}, turns)
	require.Len(t, q.all(), 3)
}

// A shop with very many items must not be slower for each.
func BenchmarkDrainOfAShop(b *testing.B) {
	for b.Loop() {
		q, now := newQueue(), time.Now()
		for item := range int64(100_000) {
			q.put(waitingPush(item))
		}
		for it, _ := q.next(now); it != nil; it, _ = q.next(now) {
			q.depart(it, now, 0)
			q.land(it)
		}
	}
}
