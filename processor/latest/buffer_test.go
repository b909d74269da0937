package latest

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
	"stockpush/schemas/wire"
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
	return b.Put([]byte(e.Key.String()), e, start.Add(at))
}

func unpack(t require.TestingT, packed []byte) schemas.Event {
	e, err := wire.UnpackEvent(schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10001, StoreSKU: "x"}, packed)
	require.NoError(t, err)
	return e
}

// offsets are those of the events that leave with a window.
func offsets(t require.TestingT, w *Entry) []int64 {
	out := []int64{}
	for _, waiting := range append(w.Earlier, w.Newest) {
		require.Equal(t, waiting.Offset, unpack(t, waiting.Event.Bytes()).Position.Offset)
		out = append(out, waiting.Offset)
	}
	return out
}

// skipped are the Skipped records that links of a window come to, in the order of the links.
func skipped(t require.TestingT, w *Entry, links []byte) (records []schemas.Record) {
	message := wire.AppendRecordsKey(wire.BeginRecords(nil), w.Key)
	message = wire.AppendChain(message, wire.Chain{Newest: w.Newest.Event.Bytes(), Links: links})
	require.NoError(t, wire.DecodeRecords(message, func(r *schemas.Record) error {
		require.Equal(t, schemas.Skipped, r.Status)
		records = append(records, *r)
		return nil
	}))
	slices.Reverse(records)
	resolved := wire.AppendLinkOffsets([]int64{}, links)
	require.Len(t, resolved, len(records))
	for i, r := range records {
		require.Equal(t, resolved[i], r.Position.Offset)
	}
	return records
}

// losses name the events that were skipped in a window, and what superseded each.
func losses(t require.TestingT, w *Entry) []string {
	out := []string{}
	for _, r := range skipped(t, w, w.Links) {
		require.Equal(t, fmt.Sprint("e-", r.SupersededByOffset), r.SupersededBy)
		out = append(out, fmt.Sprint(r.Position.Offset, " by ", r.SupersededByOffset))
	}
	return out
}

func TestOf100EventsInAWindowThe100thLeaves(t *testing.T) {
	b := New(Config{Window: time.Second}, start)
	require.Equal(t, Opened, put(b, event("x", 0), 0).Verdict)
	for i := int64(1); i < 100; i++ {
		r := put(b, event("x", i), time.Duration(i)*time.Millisecond)
		require.Equal(t, Replaced, r.Verdict)
		require.Equal(t, 1, r.Skipped)
		require.Equal(t, 1, b.Len())
		require.Contains(t, losses(t, r.Entry), fmt.Sprint(i-1, " by ", i))
	}
	require.Nil(t, b.PopDue(start.Add(999*time.Millisecond)))
	w := b.PopDue(start.Add(time.Second))
	require.Equal(t, []int64{99}, offsets(t, w))
	records := skipped(t, w, w.Links)
	require.Len(t, records, 99)
	require.Equal(t, start.Add(50*time.Millisecond), records[49].FinishedAt)
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
	require.Contains(t, b.PopDue(start.Add(2*time.Second)).Key, "cold")
	require.Contains(t, b.PopDue(start.Add(2*time.Second)).Key, "hot")
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
				require.Contains(t, b.PopDue(due).Key, next.sku)
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
	require.Contains(t, b.PopDue(start.Add(110*time.Millisecond)).Key, "quiet")
	require.Nil(t, b.PopDue(start.Add(999*time.Millisecond)))
	require.Contains(t, b.PopDue(start.Add(time.Second)).Key, "busy")
}

func TestOfTwoThatCloseAtOnceTheOneOpenedFirstLeavesFirst(t *testing.T) {
	b := New(Config{Window: time.Second, QuietPeriod: 100 * time.Millisecond}, start)
	for at := time.Duration(0); at < time.Second; at += 50 * time.Millisecond {
		put(b, event("busy", int64(at)), at)
		if at == 900*time.Millisecond {
			put(b, event("quiet", int64(at)+1), at)
		}
	}
	require.Contains(t, b.PopDue(start.Add(time.Second)).Key, "busy")
	require.Contains(t, b.PopDue(start.Add(time.Second)).Key, "quiet")
}

func TestAWindowCountsItsEvents(t *testing.T) {
	b := New(Config{Window: time.Second}, start)
	for i, e := range []*schemas.Event{event("x", 5), event("x", 8), repeating("x", 9, 5)} {
		require.Equal(t, i+1, put(b, e, 0).Entry.Events, "outdated ones too")
	}
}

func TestRepeatsAgainstWhatWaits(t *testing.T) {
	cases := []struct {
		name    string
		waits   []*schemas.Event
		comes   *schemas.Event
		want    Verdict
		skipped int
		leaving []int64
		lost    []string
	}{
		{"news after the repeated record supersedes it", []*schemas.Event{event("x", 8)}, repeating("x", 9, 5), Outdated, 1, []int64{8}, []string{"9 by 8"}},
		{"the repeated record itself does not", []*schemas.Event{event("x", 5)}, repeating("x", 9, 5), Replaced, 1, []int64{9}, []string{"5 by 9"}},
		{"a second repeat of the same record is outdated", []*schemas.Event{repeating("x", 8, 5)}, repeating("x", 9, 5), Outdated, 1, []int64{8}, []string{"9 by 8"}},
		{"a repeat of an older record is outdated", []*schemas.Event{repeating("x", 8, 5)}, repeating("x", 9, 3), Outdated, 1, []int64{8}, []string{"9 by 8"}},
		{"a repeat of more leaves beside it", []*schemas.Event{repeating("x", 8, 3)}, repeating("x", 9, 5), Joined, 0, []int64{8, 9}, []string{}},
		{"what a repeat replaced is its own", []*schemas.Event{event("x", 3), repeating("x", 4, 3)}, repeating("x", 9, 5), Joined, 0, []int64{4, 9}, []string{"3 by 4"}},
		{"a repeat that lost supersedes nothing", []*schemas.Event{event("x", 5), event("x", 6), repeating("x", 7, 5)}, event("x", 9), Replaced, 1, []int64{9}, []string{"5 by 6", "7 by 6", "6 by 9"}},
		{"a repeat beats one of less", []*schemas.Event{repeating("x", 6, 3), repeating("x", 7, 5), repeating("x", 8, 4)}, event("x", 9), Replaced, 2, []int64{9}, []string{"8 by 7", "7 by 9", "6 by 9"}},
		{"news replaces all repeats", []*schemas.Event{repeating("x", 7, 3), repeating("x", 8, 5)}, event("x", 9), Replaced, 2, []int64{9}, []string{"8 by 9", "7 by 9"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := New(Config{Window: time.Second}, start)
			for _, e := range c.waits {
				put(b, e, 0)
			}
			r := put(b, c.comes, 0)
			require.Equal(t, c.want, r.Verdict)
			require.Equal(t, c.skipped, r.Skipped)
			w := b.PopDue(start.Add(time.Second))
			require.Equal(t, c.leaving, offsets(t, w))
			require.Equal(t, c.lost, losses(t, w))
		})
	}
}

// history is what a test saw leave, and what it waits for.
type history struct {
	b    *Buffer
	puts map[int64]*schemas.Event
	// left counts how often each event left, skipped or with its window.
	left           map[int64]int
	newest, opened map[string]int64
}

func (h *history) skipped(t require.TestingT, w *Entry, links []byte) {
	for _, r := range skipped(t, w, links) {
		h.left[r.Position.Offset]++
		e, by := h.puts[r.Position.Offset], h.puts[r.SupersededByOffset]
		require.Equal(t, *e, r.Event)
		require.Equal(t, by.Key, e.Key)
		require.Equal(t, by.EventID, r.SupersededBy)
		later := by.Position.Offset > e.Position.Offset
		require.True(t, later || e.Repeats() && by.Position.Offset > e.RepeatsOffset || by.Repeats() && by.RepeatsOffset >= e.RepeatsOffset)
	}
}

// leave takes what is due.
func (h *history) leave(t require.TestingT, at time.Duration) {
	for w := h.b.PopDue(start.Add(at)); w != nil; w = h.b.PopDue(start.Add(at)) {
		h.skipped(t, w, w.Links)
		waiting := offsets(t, w)
		for _, o := range waiting {
			h.left[o]++
		}
		require.Equal(t, h.newest[w.Key], waiting[len(waiting)-1])
		delete(h.newest, w.Key)
		delete(h.opened, w.Key)
	}
}

func drawEvent(t *rapid.T, offset int64) *schemas.Event {
	e := event(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "sku"), offset)
	if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
		e.Reason, e.RepeatsOffset = schemas.PushNow, rapid.Int64Range(0, offset).Draw(t, "repeats")
	}
	if rapid.IntRange(0, 4).Draw(t, "mapping") == 0 {
		e.ItemID, e.LocationID = rapid.Int64Range(1, 3).Draw(t, "item"), rapid.SampledFrom([]string{"", "L"}).Draw(t, "location")
	}
	e.TriggeredAt = start.Add(time.Duration(offset) * time.Second)
	return e
}

// Every event leaves exactly once: as a replaced or outdated one, or with its window; what
// leaves with a window of news is the newest of it; no window lives too long.
func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Window: 20 * time.Millisecond, QuietPeriod: time.Duration(rapid.IntRange(0, 1).Draw(t, "quiet")) * 5 * time.Millisecond}
		b := New(cfg, start)
		h := &history{b, map[int64]*schemas.Event{}, map[int64]int{}, map[string]int64{}, map[string]int64{}}
		now := time.Duration(0)
		n := rapid.Int64Range(1, 200).Draw(t, "n")
		for i := range n {
			now += time.Duration(rapid.IntRange(0, 8).Draw(t, "step")) * time.Millisecond
			window := rapid.SampledFrom([]time.Duration{cfg.Window, 5 * cfg.Window}).Draw(t, "window")
			b.SetWindow(window)
			h.leave(t, now)
			e := drawEvent(t, i)
			h.puts[i] = e
			r := put(b, e, now)
			if rapid.IntRange(0, 9).Draw(t, "taken") == 0 {
				h.skipped(t, r.Entry, b.TakeLinks(r.Entry))
				require.Empty(t, r.Entry.Links)
			}
			switch r.Verdict {
			case Outdated:
			case Opened:
				h.opened[e.Key.String()] = int64(now)
				fallthrough
			default:
				h.newest[e.Key.String()] = i
			}
			for _, at := range h.opened {
				require.Less(t, now-time.Duration(at), window, "no window is open that should have closed")
			}
			require.Len(t, h.opened, b.Len())
		}
		h.leave(t, now+time.Hour)
		require.Zero(t, b.Len())
		require.Zero(t, b.LinkBytes())
		for i := range n {
			require.Equal(t, 1, h.left[i], "event %d", i)
		}
	})
}

func TestLinksAreCountedUntilTheyLeave(t *testing.T) {
	b := New(Config{Window: time.Second}, start)
	put(b, event("x", 0), 0)
	require.Zero(t, b.LinkBytes())
	w := put(b, event("x", 1), 0).Entry
	require.Equal(t, cap(w.Links), b.LinkBytes())
	for i := int64(2); i < 100; i++ {
		put(b, event("x", i), 0)
	}
	require.Equal(t, cap(w.Links), b.LinkBytes())
	require.Less(t, b.LinkBytes(), 2*len(w.Links))
	require.Len(t, skipped(t, w, b.TakeLinks(w)), 99)
	require.Zero(t, b.LinkBytes())
	put(b, event("x", 100), 0)
	require.Positive(t, b.LinkBytes())
	require.Equal(t, []string{"99 by 100"}, losses(t, b.PopDue(start.Add(time.Second))))
	require.Zero(t, b.LinkBytes())
}

// What a flash sale took is given up when its windows have closed.
func TestAFlashSalesMemoryIsGivenUp(t *testing.T) {
	before := heapBytes()
	grown := func() int { return (int(heapBytes()) - int(before)) >> 20 }
	b := New(Config{Window: time.Second}, start)
	for i := range int64(100_000) {
		put(b, event(fmt.Sprint(i/2), i), 0)
	}
	require.Greater(t, grown(), 8)
	for b.PopDue(start.Add(time.Second)) != nil {
	}
	require.Less(t, grown(), 1)
	runtime.KeepAlive(b)
}

func TestAWaitingStoreSKUCostsAtMost320Bytes(t *testing.T) {
	const n = 50_000
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
		b.Put(key, e, start)
	}
	each := (int64(heapBytes()) - int64(before) - int64(keyBytes)) / n
	t.Logf("%d bytes for each waiting store SKU beyond its key", each)
	require.LessOrEqual(t, each, int64(320))
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
		buffer.Put(keys[i], events[i], start)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if r := buffer.Put(keys[i%1000], events[i%1000], start); len(r.Entry.Links) > 4<<10 {
			buffer.TakeLinks(r.Entry)
		}
	}
}
