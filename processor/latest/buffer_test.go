package latest

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func event(sku string, offset int64) *schemas.Event {
	return &schemas.Event{
		EventID:       fmt.Sprintf("e-%d", offset),
		Reason:        schemas.SyncOrder,
		Key:           schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10001, StoreSKU: sku},
		MerchantSKU:   "M-" + sku,
		ItemID:        100,
		ModelID:       7,
		Available:     offset,
		OccurredAt:    start,
		RepeatsOffset: schemas.NoOffset,
		Position:      schemas.Position{LogID: 1, Partition: 3, Offset: offset},
		TriggeredAt:   start,
	}
}

func repeating(sku string, offset, repeats int64) *schemas.Event {
	e := event(sku, offset)
	e.Reason, e.RepeatsOffset = schemas.PushNow, repeats
	return e
}

func put(b *Buffer, e *schemas.Event, at time.Duration) Result {
	key := []byte(e.Key.String())
	return b.Put(b.Find(key), key, e, start.Add(at))
}

func unpack(t require.TestingT, packed []byte) schemas.Event {
	e, err := schemas.UnpackEvent(schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10001, StoreSKU: "x"}, packed)
	require.NoError(t, err)
	return e
}

// offsets are those of the events that leave with a window.
func offsets(t require.TestingT, w *Entry) []int64 {
	out := []int64{}
	for _, waiting := range append(w.Earlier(), w.Newest()) {
		require.Equal(t, waiting.Offset, unpack(t, waiting.Packed).Position.Offset)
		out = append(out, waiting.Offset)
	}
	return out
}

// skipped are the offsets of a window's Skipped records, in their order.
func skipped(t require.TestingT, w *Entry) []int64 {
	out := schemas.AppendOffsets([]int64{}, w.Records())
	message := append(schemas.AppendRecordsKey(schemas.BeginRecords(nil), "shopee/10001/x"), w.Records()...)
	var decoded []int64
	require.NoError(t, schemas.DecodeRecords(message, func(r *schemas.Record) error {
		require.Equal(t, schemas.Skipped, r.Status)
		require.Greater(t, r.SupersededByOffset, int64(-1))
		decoded = append(decoded, r.Position.Offset)
		return nil
	}))
	require.ElementsMatch(t, out, decoded)
	return out
}

func TestOf100EventsInAWindowThe100thLeaves(t *testing.T) {
	b := New(Config{Window: time.Second}, start)
	require.Equal(t, Opened, put(b, event("x", 0), 0).Verdict)
	for i := int64(1); i < 100; i++ {
		r := put(b, event("x", i), time.Duration(i)*time.Millisecond)
		require.Equal(t, Replaced, r.Verdict)
		require.Equal(t, 1, r.Skipped)
		require.Equal(t, i-1, skipped(t, r.Entry)[i-1])
	}
	require.Nil(t, b.PopDue(start.Add(999*time.Millisecond)))
	w := b.PopDue(start.Add(time.Second))
	require.Equal(t, []int64{99}, offsets(t, w))
	require.Len(t, skipped(t, w), 99)
	require.Zero(t, b.Len())
	_, open := b.NextDue()
	require.False(t, open)
}

func TestWindowsLeaveInTheOrderInWhichTheyClose(t *testing.T) {
	b := New(Config{Window: time.Second}, start)
	put(b, event("cold", 0), 0)
	put(b, event("hot", 1), time.Millisecond)
	for i := int64(2); i < 50; i++ {
		put(b, event("hot", i), time.Duration(i)*time.Millisecond)
	}
	require.Contains(t, b.PopDue(start.Add(2*time.Second)).Key(), "cold")
	require.Contains(t, b.PopDue(start.Add(2*time.Second)).Key(), "hot")
}

func TestAnotherWindowAppliesToWhatIsOpen(t *testing.T) {
	for name, c := range map[string]struct {
		quiet, then  time.Duration
		early, later time.Duration
	}{
		"a longer one":                         {0, 10 * time.Second, 10 * time.Second, 10*time.Second + 300*time.Millisecond},
		"a shorter one":                        {0, 200 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond},
		"a longer one, and quiet ones go then": {400 * time.Millisecond, 10 * time.Second, 400 * time.Millisecond, 700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Config{Window: time.Second, QuietPeriod: c.quiet}, start)
			put(b, event("early", 0), 0)
			put(b, event("later", 1), 300*time.Millisecond)
			b.SetWindow(c.then)
			for _, next := range []struct {
				sku string
				due time.Duration
			}{{"early", c.early}, {"later", c.later}} {
				due, open := b.NextDue()
				require.True(t, open)
				require.Equal(t, start.Add(next.due), due)
				require.Nil(t, b.PopDue(due.Add(-1)))
				require.Contains(t, b.PopDue(due).Key(), next.sku)
			}
		})
	}
}

func TestAQuietStoreSKULeavesBeforeItsWindowEnds(t *testing.T) {
	b := New(Config{Window: time.Second, QuietPeriod: 100 * time.Millisecond}, start)
	put(b, event("busy", 0), 0)
	put(b, event("quiet", 1), 10*time.Millisecond)
	for at := 50 * time.Millisecond; at < time.Second; at += 50 * time.Millisecond {
		put(b, event("busy", int64(at)), at)
	}
	due, _ := b.NextDue()
	require.Equal(t, start.Add(110*time.Millisecond), due)
	require.Contains(t, b.PopDue(start.Add(110*time.Millisecond)).Key(), "quiet")
	require.Nil(t, b.PopDue(start.Add(999*time.Millisecond)))
	require.Contains(t, b.PopDue(start.Add(time.Second)).Key(), "busy")
}

func TestRepeatsAgainstWhatWaits(t *testing.T) {
	cases := []struct {
		name    string
		waits   []*schemas.Event
		comes   *schemas.Event
		want    Verdict
		leaving []int64
		lost    []int64
	}{
		{"news after the repeated record beats it", []*schemas.Event{event("x", 8)}, repeating("x", 9, 5), Beaten, []int64{8}, []int64{9}},
		{"the repeated record itself does not", []*schemas.Event{event("x", 5)}, repeating("x", 9, 5), Replaced, []int64{9}, []int64{5}},
		{"a second repeat of the same record is beaten", []*schemas.Event{repeating("x", 8, 5)}, repeating("x", 9, 5), Beaten, []int64{8}, []int64{9}},
		{"a repeat of less is beaten", []*schemas.Event{repeating("x", 8, 5)}, repeating("x", 9, 3), Beaten, []int64{8}, []int64{9}},
		{"a repeat of more leaves beside it", []*schemas.Event{repeating("x", 8, 3)}, repeating("x", 9, 5), Joined, []int64{8, 9}, []int64{}},
		{"news replaces all repeats", []*schemas.Event{repeating("x", 7, 3), repeating("x", 8, 5)}, event("x", 9), Replaced, []int64{9}, []int64{8, 7}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := New(Config{Window: time.Second}, start)
			for _, e := range c.waits {
				put(b, e, 0)
			}
			require.Equal(t, c.want, put(b, c.comes, 0).Verdict)
			w := b.PopDue(start.Add(time.Second))
			require.Equal(t, c.leaving, offsets(t, w))
			require.Equal(t, c.lost, skipped(t, w))
		})
	}
}

// Every event leaves exactly once: as a loser, beaten, or with its window; what
// leaves with a window of news is the newest of it; no window lives too long.
func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Window: 20 * time.Millisecond, QuietPeriod: time.Duration(rapid.IntRange(0, 1).Draw(t, "quiet")) * 5 * time.Millisecond}
		b := New(cfg, start)
		left, newest, opened := map[int64]int{}, map[string]int64{}, map[string]time.Duration{}
		now := time.Duration(0)
		leave := func(at time.Duration) {
			for w := b.PopDue(start.Add(at)); w != nil; w = b.PopDue(start.Add(at)) {
				waiting := offsets(t, w)
				for _, o := range append(skipped(t, w), waiting...) {
					left[o]++
				}
				require.Equal(t, newest[w.Key()], waiting[len(waiting)-1])
				delete(newest, w.Key())
				delete(opened, w.Key())
				b.Free(w, rapid.Bool().Draw(t, "keep"))
			}
		}
		n := rapid.Int64Range(1, 200).Draw(t, "n")
		for i := range n {
			now += time.Duration(rapid.IntRange(0, 8).Draw(t, "step")) * time.Millisecond
			window := rapid.SampledFrom([]time.Duration{cfg.Window, 5 * cfg.Window}).Draw(t, "window")
			b.SetWindow(window)
			leave(now)
			e := event(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "sku"), i)
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				e.RepeatsOffset = rapid.Int64Range(0, i).Draw(t, "repeats")
			}
			r := put(b, e, now)
			if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
				for _, o := range skipped(t, r.Entry) {
					left[o]++
				}
				b.Cut(r.Entry, rapid.Bool().Draw(t, "keep"))
			}
			switch r.Verdict {
			case Beaten:
			case Opened:
				opened[e.Key.String()] = now
				newest[e.Key.String()] = i
			default:
				newest[e.Key.String()] = i
			}
			for _, at := range opened {
				require.Less(t, now-at, window, "no window is open that should have closed")
			}
		}
		leave(now + time.Hour)
		require.Zero(t, b.Len())
		b.forget()
		require.Zero(t, b.Held())
		for i := range n {
			require.Equal(t, 1, left[i], "event %d", i)
		}
	})
}

// What a flash sale took is given up as its windows close; the little that is kept, at
// once where nothing is open any more, and after a while where little is.
func TestAFlashSalesMemoryIsGivenUp(t *testing.T) {
	const many = 100_000
	flash := func(b *Buffer, at time.Duration) {
		for i := range int64(many) {
			sku := fmt.Sprint(i)
			put(b, event(sku, 2*i), at)
			put(b, event(sku, 2*i+1), at)
		}
	}
	before := heapBytes()
	grown := func() int { return (int(heapBytes()) - int(before)) >> 20 }
	b := New(Config{Window: time.Second}, start)
	flash(b, 0)
	require.Greater(t, b.Held(), many*firstRoom/2)
	require.Greater(t, grown(), 50)
	closeAll(b, time.Second)
	require.LessOrEqual(t, b.Held(), fewEntries*firstRoom)
	require.Less(t, grown(), 20, "the map of keys, and some entries")
	b.Trim(start.Add(time.Second))
	require.Zero(t, b.Held())
	require.Less(t, grown(), 10)

	flash(b, time.Minute)
	closeAll(b, time.Minute+time.Second)
	for at := time.Minute; at < 2*time.Minute; at += time.Second {
		put(b, event("regular", int64(at)), at)
		b.Trim(start.Add(at))
		if at < time.Minute+trimEvery {
			require.Positive(t, b.Held(), "it may be needed again")
		}
		closeAll(b, at+time.Second)
	}
	require.LessOrEqual(t, b.Held(), firstRoom)
	require.Less(t, grown(), 10)
	runtime.KeepAlive(b)
}

// A map keeps room for all that it ever had, so it is made anew where many windows were open.
func TestTheMapOfAFlashSaleIsGivenUp(t *testing.T) {
	before := heapBytes()
	b := New(Config{Window: time.Second}, start)
	for i := range int64(200_000) {
		put(b, event(fmt.Sprint(i), i), 0)
	}
	closeAll(b, time.Second)
	b.Trim(start.Add(time.Second))
	require.Less(t, int(heapBytes()-before), 2<<20)
	runtime.KeepAlive(b)
}

func closeAll(b *Buffer, at time.Duration) {
	for w := b.PopDue(start.Add(at)); w != nil; w = b.PopDue(start.Add(at)) {
		b.Free(w, true)
	}
}

func TestPutOnAnExistingKeyAllocatesNothing(t *testing.T) {
	b := New(Config{Window: time.Hour}, start)
	e := event("x", 1)
	key := []byte(e.Key.String())
	put := func() { b.Cut(b.Put(b.Find(key), key, e, start).Entry, true) }
	for range 4 {
		put()
	}
	require.Zero(t, testing.AllocsPerRun(1000, put))
}

func TestAWaitingStoreSKUCostsAtMost256Bytes(t *testing.T) {
	const n = 200_000
	e := event("x", 1)
	e.EventID = "0190d3b2-7c1e-7a55-9d2f-3e5d3c1b2a10"
	keys, keyBytes := make([][]byte, n), 0
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "shopee/10001/SKU-%08d", i)
		keyBytes += len(keys[i])
	}
	before := heapBytes()
	b := New(Config{Window: time.Hour}, start)
	for _, key := range keys {
		b.Put(b.Find(key), key, e, start)
	}
	each := (int64(heapBytes()) - int64(before) - int64(keyBytes)) / n
	t.Logf("%d bytes for each waiting store SKU beyond its key", each)
	require.LessOrEqual(t, each, int64(256))
	runtime.KeepAlive(b)
	runtime.KeepAlive(keys)
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkPutExisting(b *testing.B) {
	buffer := New(Config{Window: time.Hour}, start)
	events := make([]*schemas.Event, 1000)
	keys := make([][]byte, len(events))
	for i := range events {
		events[i] = event(fmt.Sprintf("SKU-%06d", i), int64(i))
		keys[i] = []byte(events[i].Key.String())
		buffer.Put(nil, keys[i], events[i], start)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if r := buffer.Put(buffer.Find(keys[i%1000]), keys[i%1000], events[i%1000], start); len(r.Entry.Records()) > 4<<10 {
			buffer.Cut(r.Entry, true)
		}
	}
}
