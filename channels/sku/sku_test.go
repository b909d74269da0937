package sku_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels/sku"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

func at(offset int64) schemas.Position {
	return schemas.Position{LogID: 2, Partition: 3, Offset: offset}
}

// event is the event at a position; it repeats none.
func event(p schemas.Position) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprint("e", p.Offset), Reason: schemas.SyncOrder, ItemID: 7, Available: p.Offset, RepeatsOffset: schemas.NoOffset,
		OccurredAt: time.UnixMilli(1), TriggeredAt: time.UnixMilli(2), Position: p,
	}
}

func repeat(offset, of int64) schemas.Event {
	e := event(at(offset))
	e.Reason, e.RepeatsOffset = schemas.RefreshInventory, of
	return e
}

func encoded(e schemas.Event) *sku.Event {
	return &sku.Event{Position: e.Position, Encoded: wire.PackEvent(nil, &e)}
}

func push(offset int64) *sku.Push {
	return &sku.Push{Event: *encoded(event(at(offset))), Offset: offset}
}

func outcome(p schemas.Position, s schemas.Status) wire.PackedRecord {
	r := schemas.RecordOf(event(p), s)
	if s == schemas.Successfully && p.Offset%3 > 0 { // the others were pushed in shadow mode
		r.AfterQty = &r.Available
	}
	return wire.PackedRecord{Position: p, Status: s, Shadow: r.Shadow(), Bytes: wire.AppendRecord(nil, &r)}
}

// change changes a new store SKU.
type change func(*sku.SKU)

func last(offset int64) change {
	return func(s *sku.SKU) { s.Finish(outcome(at(offset), schemas.Successfully)) }
}

func newest(offset int64) change { return func(s *sku.SKU) { s.Newest = encoded(event(at(offset))) } }

func waiting(offset int64) change {
	return func(s *sku.SKU) { s.Waiting = push(offset); newest(offset)(s) }
}

func inFlight(offset int64) change { return func(s *sku.SKU) { s.InFlight = push(offset) } }

func store(changes ...change) *sku.SKU {
	s := &sku.SKU{Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: "a"}}
	for _, c := range changes {
		c(s)
	}
	return s
}

func TestJudge(t *testing.T) {
	olderLog := event(schemas.Position{LogID: 1, Partition: 3, Offset: 99})
	newerLog := event(schemas.Position{LogID: 3, Partition: 3, Offset: 1})
	for name, tt := range map[string]struct {
		known *sku.SKU
		e     schemas.Event
		want  sku.Judgement
	}{
		"nothing is known":                          {store(), event(at(5)), sku.Stands},
		"nothing is known, a repeat":                {store(), repeat(5, 1), sku.Stands},
		"the finished event":                        {store(last(5)), event(at(5)), sku.FinishedAlready},
		"the finished event, a newer one waits":     {store(last(5), waiting(6)), event(at(5)), sku.FinishedAlready},
		"the finished event is being repaired":      {store(last(5), inFlight(5)), event(at(5)), sku.FinishedAlready},
		"older than the finished event":             {store(last(5)), event(at(4)), sku.Superseded},
		"older than the finished event, first log":  {store(last(5)), olderLog, sku.Superseded},
		"newer than the finished event":             {store(last(5)), event(at(6)), sku.Stands},
		"newer than the finished event, next log":   {store(last(5)), newerLog, sku.Stands},
		"its push waits":                            {store(waiting(5)), event(at(5)), sku.Duplicate},
		"its push is in flight":                     {store(newest(5), inFlight(5)), event(at(5)), sku.Duplicate},
		"its push is in flight, a newer one waits":  {store(inFlight(5), waiting(6)), event(at(5)), sku.Duplicate},
		"its push is in flight, a newer one failed": {store(inFlight(5), last(6)), event(at(5)), sku.Duplicate},
		"the newest, its push ended with a worker":  {store(newest(5)), event(at(5)), sku.Stands},
		"older than the newest":                     {store(last(3), newest(5)), event(at(4)), sku.Superseded},
		"older than what waits":                     {store(waiting(5)), event(at(4)), sku.Superseded},
		"newer than the newest":                     {store(waiting(5)), event(at(6)), sku.Stands},
		"repeats the newest":                        {store(waiting(5)), repeat(6, 5), sku.Stands},
		"repeats the finished event":                {store(last(5)), repeat(6, 5), sku.Stands},
		"repeats what is newer than the newest":     {store(last(4)), repeat(6, 5), sku.Stands},
		"repeats an event that news followed":       {store(last(5)), repeat(6, 4), sku.Superseded},
		"repeats, and what waits is news":           {store(last(4), waiting(5)), repeat(6, 4), sku.Superseded},
		"repeats and is the newest already":         {store(func(s *sku.SKU) { s.Newest = encoded(repeat(6, 4)) }), repeat(6, 4), sku.Stands},
	} {
		require.Equal(t, tt.want, tt.known.Judge(&tt.e), name)
	}
}

func TestNewestEvent(t *testing.T) {
	s := store()
	require.True(t, s.NewestPosition().IsZero())
	last(5)(s)
	require.Equal(t, at(5), s.NewestPosition())
	require.Equal(t, "e5", nameOf(s.NewestEvent()))
	newest(6)(s)
	require.Equal(t, at(6), s.NewestPosition())
	require.Equal(t, "e6", nameOf(s.NewestEvent()))
	require.Equal(t, "e5", nameOf(s.LastEvent()))
	require.Equal(t, schemas.Successfully, s.LastRecord().Status)
}

func nameOf(e schemas.Event) string { return e.EventID }

func TestFinish(t *testing.T) {
	s := store(newest(5))
	s.Finish(outcome(at(4), schemas.Failed))
	require.Equal(t, at(4), s.Last.Position)
	require.Equal(t, at(5), s.Newest.Position, "another event is newer")
	s.Finish(outcome(at(5), schemas.Failed))
	require.Nil(t, s.Newest, "the outcome has the event")
	s.Finish(outcome(at(4), schemas.Successfully))
	require.Equal(t, at(5), s.Last.Position, "an older outcome says nothing new")
	require.Equal(t, schemas.Failed, s.Last.Status)
	s.Finish(outcome(at(5), schemas.Successfully))
	require.Equal(t, schemas.Successfully, s.Last.Status, "a repair push ends like its event")
}

func TestPushes(t *testing.T) {
	s := store()
	require.True(t, s.Idle())
	inFlight(1)(s)
	require.False(t, s.Idle())
	waiting(2)(s)
	require.Same(t, s.InFlight, s.Push(at(1)))
	require.Same(t, s.Waiting, s.Push(at(2)))
	require.Nil(t, s.Push(at(3)))
	s.InFlight = nil
	require.False(t, s.Idle())
}

func TestOffsetsOfAPush(t *testing.T) {
	p := push(5)
	require.Equal(t, []int64{5}, p.Offsets())
	p.Duplicates = []int64{7, 9}
	require.Equal(t, []int64{5, 7, 9}, p.Offsets())
	require.False(t, p.IsRepair())
	p.Offset = schemas.NoOffset
	require.True(t, p.IsRepair())
	require.Equal(t, []int64{7, 9}, p.Offsets())
}

func TestInvalidEncodingPanics(t *testing.T) {
	broken := []byte{0xff}
	require.Panics(t, func() { (&sku.Event{Encoded: broken}).Decode() })
	require.Panics(t, func() { (&sku.SKU{Last: wire.PackedRecord{Bytes: broken}}).LastRecord() })
}

// state draws a state of a store SKU.
func state(r *rapid.T) *sku.SKU {
	s := store()
	offset := rapid.Int64Range(0, 100)
	if rapid.Bool().Draw(r, "finished") {
		s.Finish(outcome(at(offset.Draw(r, "finished at")), rapid.SampledFrom([]schemas.Status{schemas.Failed, schemas.Successfully}).Draw(r, "status")))
	}
	if rapid.Bool().Draw(r, "newest") {
		s.Newest = encoded(event(at(101 + offset.Draw(r, "newest at"))))
	}
	if rapid.Bool().Draw(r, "sent") {
		s.Sent, s.SentQty = at(offset.Draw(r, "sent at")), offset.Draw(r, "sent quantity")
	}
	s.Confirmed = rapid.Ptr(rapid.Int64Range(0, 10), true).Draw(r, "confirmed")
	if rapid.Bool().Draw(r, "read-back") {
		s.Readback = &schemas.Readback{
			ItemID: 7, ModelID: offset.Draw(r, "model"), Lost: rapid.SliceOfN(offset, 1, 3).Draw(r, "lost"),
			NotBefore: time.UnixMilli(1_000 + offset.Draw(r, "not before")).UTC(),
		}
		if rapid.Bool().Draw(r, "before") {
			before := offset.Draw(r, "before")
			s.Readback.BeforeQty = &before
		}
	}
	return s
}

func restore(t require.TestingT, s *sku.SKU, message []byte) {
	split, err := wire.SplitState(message)
	require.NoError(t, err)
	s.Restore(&split)
	clear(message) // it is the caller's
}

func TestStateSurvivesARestart(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, restored := state(r), state(r)
		restore(r, restored, s.Encode())
		require.Equal(r, s, restored)
		require.Equal(r, s.Encode(), restored.Encode())
	})
}

func TestKnowsMoreThan(t *testing.T) {
	known := store(last(5), newest(6))
	known.Confirmed = new(int64(1))
	for name, tt := range map[string]struct {
		message []byte
		want    bool
	}{
		"its own state":           {known.Encode(), false},
		"an older outcome":        {store(last(4)).Encode(), true},
		"no outcome":              {store().Encode(), true},
		"the same outcome":        {store(last(5)).Encode(), true},
		"a newer outcome":         {store(last(6)).Encode(), false},
		"what cannot be read":     {[]byte{0xff}, true},
		"an empty message":        {nil, true},
		"another confirmed stock": {store(last(5), newest(6)).Encode(), true},
	} {
		require.Equal(t, tt.want, known.KnowsMoreThan(tt.message), name)
	}
}
