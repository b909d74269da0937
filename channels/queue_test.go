package channels

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func waitingPush(item int64) (*storeSKU, *push) {
	return &storeSKU{}, &push{event: event{itemID: item}}
}

func TestItemsTakeTurns(t *testing.T) {
	now := time.Now()
	q := newQueue(now)
	for _, item := range []int64{1, 2, 3} {
		q.put(waitingPush(item))
	}
	var turns []int64
	for range 7 {
		it, _ := q.next(now)
		turns = append(turns, it.id)
		q.depart(it, now, 50)
		q.put(waitingPush(it.id)) // the busiest item has always more
		q.land(it)
	}
	require.Equal(t, []int64{1, 2, 3, 1, 2, 3, 1}, turns)
	require.Len(t, q.all(), 3)
}

// One byte more, and the runtime gives each the next size, a third more.
func TestAnItemTakes48Bytes(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(item{}), uintptr(48))
}

// A shop with very many items must not be slower for each.
func BenchmarkDrainOfAShop(b *testing.B) {
	for b.Loop() {
		now := time.Now()
		q := newQueue(now)
		for item := range int64(100_000) {
			q.put(waitingPush(item))
		}
		for it, _ := q.next(now); it != nil; it, _ = q.next(now) {
			q.depart(it, now, 50)
			q.land(it)
		}
	}
}

// A push that waits for its time must cost nothing to those whose time has come.
func BenchmarkNextWithManyThatWait(b *testing.B) {
	now := time.Now()
	q := newQueue(now)
	for item := range int64(100_000) {
		s, p := waitingPush(item)
		p.notBefore = time.Hour
		q.put(s, p)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, p := waitingPush(-1)
		p.notBefore = 0
		q.put(s, p)
		it, _ := q.next(now)
		q.depart(it, now, 50)
		q.land(it)
	}
}

func TestTheQueueGivesOutWhatIsDueAndNothingElse(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now := time.Unix(0, 0)
		q := newQueue(now)
		skus, flying := make([]*storeSKU, 12), map[*item]bool{}
		for i := range skus {
			skus[i] = &storeSKU{}
		}
		for range rapid.IntRange(1, 200).Draw(r, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "time")))
			s := rapid.SampledFrom(skus).Draw(r, "store SKU")
			switch rapid.IntRange(0, 3).Draw(r, "step") {
			case 0:
				item := rapid.Int64Range(1, 4).Draw(r, "item")
				at := now.Add(time.Duration(rapid.IntRange(-1, 5).Draw(r, "from now")))
				q.put(s, &push{event: event{itemID: item, modelID: at.UnixNano()}, notBefore: q.since(at)})
			case 1:
				if s.waiting != nil {
					q.remove(s)
				}
			case 2:
				if it, _ := q.next(now); it != nil {
					require.NotEmpty(r, q.depart(it, now, 50))
					flying[it] = true
				}
			case 3:
				for it := range flying {
					q.land(it)
					delete(flying, it)
					break
				}
			}
			requireDue(r, q, skus, now)
		}
	})
}

// requireDue compares what is next with all that waits.
func requireDue(r *rapid.T, q *queue, skus []*storeSKU, now time.Time) {
	waiting, soonest := 0, time.Time{}
	for _, s := range skus {
		if s.waiting == nil {
			continue
		}
		waiting++
		if at := q.at(s.waiting.notBefore); !q.items[s.waiting.itemID].flying() && (soonest.IsZero() || at.Before(soonest)) {
			soonest = at
		}
	}
	require.Equal(r, waiting, q.size)
	require.Len(r, q.all(), waiting)
	it, wake := q.next(now)
	switch {
	case soonest.IsZero():
		require.Nil(r, it)
		require.Zero(r, wake)
	case soonest.After(now):
		require.Nil(r, it)
		require.False(r, wake.After(soonest), "it is looked at in time")
	default:
		require.NotNil(r, it)
		require.False(r, it.flying())
		require.False(r, q.at(it.earliest()).After(now))
	}
}
