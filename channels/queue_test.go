package channels

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

func waitingPush(item int64) (*storeSKU, *push) {
	return newKnown("").sku, &push{event: event{itemID: item}}
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
	require.Equal(t, 3, q.size)
}

// One byte more, and the runtime gives each the next size, a third or a half more.
func TestWhatWaitsTakesFewBytesBesideItsEvent(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(known{}), uintptr(24))
	require.LessOrEqual(t, unsafe.Sizeof(item{}), uintptr(32))
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
		skus, flying := make([]*known, 12), map[*item]bool{}
		for i := range skus {
			skus[i] = newKnown("")
		}
		for range rapid.IntRange(1, 200).Draw(r, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "time")))
			k := rapid.SampledFrom(skus).Draw(r, "store SKU")
			switch rapid.IntRange(0, 4).Draw(r, "step") {
			case 0:
				at := now.Add(time.Duration(rapid.IntRange(-1, 5).Draw(r, "from now")))
				k.awake().newest = nil
				p := pushOf(schemas.Event{ItemID: rapid.Int64Range(1, 4).Draw(r, "item"), ModelID: at.UnixNano()})
				p.notBefore = q.since(at)
				q.put(k.awake(), p)
				k.sku.newest = &p.event
			case 1:
				if k.awake().waiting != nil {
					q.remove(k.sku)
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
			case 4:
				if k.sku != nil && k.sku.waiting != nil && k.sku.mayRest() {
					k.rest(nil)
				}
			}
			requireDue(r, q, skus, now)
		}
	})
}

// pushOf is the push of an event.
func pushOf(e schemas.Event) *push { return newPush(&e, schemas.PackEvent(nil, &e)) }

// peek is the store SKU, which goes on resting if it does.
func (k *known) peek() *storeSKU {
	if k.sku != nil {
		return k.sku
	}
	return k.resting.open()
}

// requireDue compares what is next with all that waits.
func requireDue(r *rapid.T, q *queue, skus []*known, now time.Time) {
	waiting, soonest := 0, time.Time{}
	for _, k := range skus {
		p := k.peek().waiting
		if p == nil {
			continue
		}
		waiting++
		if at := q.at(p.notBefore); !q.items[p.itemID].flying() && (soonest.IsZero() || at.Before(soonest)) {
			soonest = at
		}
	}
	require.Equal(r, waiting, q.size)
	inItems := 0
	for _, it := range q.items {
		inItems += it.waiting.count(len(skus) + 1)
	}
	require.Equal(r, waiting, inItems)
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
