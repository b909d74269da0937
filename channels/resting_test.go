package channels

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

// What rests is told by its state as before, and so is what was opened again.
func TestAStoreSKUThatRestedIsWhatItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := restableSKU(t)
		require.True(t, s.mayRest())
		written := s.append(nil)
		rests, _ := s.atRest(nil)
		require.Equal(t, s.key, rests.key())
		opened := rests.open()
		require.Equal(t, written, opened.append(nil))
		require.Equal(t, s.past, opened.past)
		require.Equal(t, s.waiting, opened.waiting)
		require.True(t, opened.mayRest())
		again, _ := opened.atRest(make([]byte, 7))
		require.Equal(t, rests.bytes(), again.bytes())
	})
}

// restableSKU is a store SKU that was pushed, or waits to be, or both.
func restableSKU(t *rapid.T) *storeSKU {
	s := knownSKU(t)
	if rapid.Bool().Draw(t, "a push waits") {
		s.waiting = waitingOne(t)
		s.newest = &s.waiting.event
	}
	switch rapid.IntRange(0, 2).Draw(t, "past") {
	case 0:
		s.past.at, s.past.status, s.past.record = schemas.Position{}, 0, nil // sent only
	case 1:
		s.past = nil
	}
	if s.waiting == nil && s.finishedAt().IsZero() {
		return knownSKU(t)
	}
	return s
}

// waitingOne is a push that was never tried.
func waitingOne(t *rapid.T) *push {
	p := pushOf(schemas.Event{
		EventID: rapid.String().Draw(t, "waiting event"), Reason: schemas.StockInPurchase, ItemID: rapid.Int64Min(1).Draw(t, "item"), ModelID: 4,
		LocationID: rapid.SampledFrom([]string{"", "SGZ"}).Draw(t, "location"), Available: rapid.Int64Min(0).Draw(t, "quantity"),
		RepeatsOffset: schemas.NoOffset, Position: positions(t, "waiting"), OccurredAt: time.UnixMilli(3).UTC(), TriggeredAt: time.UnixMilli(4).UTC(),
	})
	p.notBefore = time.Duration(rapid.Int64().Draw(t, "not before"))
	p.queuedAt, p.offset = rapid.Int64().Draw(t, "queued"), rapid.Int64Min(0).Draw(t, "command")
	p.inherited = rapid.Bool().Draw(t, "inherited")
	p.pause(time.Duration(rapid.Int64Min(0).Draw(t, "paused before")))
	return p
}

func positions(t *rapid.T, name string) schemas.Position {
	return schemas.Position{
		LogID: rapid.Uint16Min(1).Draw(t, name+"'s log"), Partition: rapid.Int32Min(0).Draw(t, name+"'s partition"), Offset: rapid.Int64Min(0).Draw(t, name),
	}
}

// knownSKU is a store SKU that was pushed.
func knownSKU(t *rapid.T) *storeSKU {
	e := schemas.Event{
		EventID: rapid.String().Draw(t, "event"), Reason: schemas.SyncOrder, MerchantSKU: rapid.StringN(0, 300, -1).Draw(t, "merchant SKU"),
		Key:    schemas.Key{Channel: schemas.ChannelShopee, ShopID: rapid.Int64Range(1, math.MaxInt64).Draw(t, "shop"), StoreSKU: "SKU" + fmt.Sprint(rapid.Uint64().Draw(t, "SKU"))},
		ItemID: 7, ModelID: 9, Available: rapid.Int64().Draw(t, "available"), RepeatsOffset: schemas.NoOffset, Position: positions(t, "finished"),
		OccurredAt: time.UnixMilli(1).UTC(), TriggeredAt: time.UnixMilli(2).UTC(),
	}
	r := schemas.RecordOf(e, rapid.SampledFrom([]schemas.Status{schemas.Skipped, schemas.Failed, schemas.Successfully}).Draw(t, "status"))
	s := newKnown(e.Key.String()).sku
	p := s.history()
	p.sent, p.sentQty = positions(t, "sent"), rapid.Int64().Draw(t, "sent quantity")
	p.confirmed = rapid.Int64Min(noQty).Draw(t, "confirmed")
	s.finish(finished{e.Position, r.Status, schemas.AppendRecord(nil, &r)})
	return s
}

func TestAStoreSKUThatIsNeededDoesNotRest(t *testing.T) {
	for name, use := range map[string]func(*storeSKU){
		"a push is tried again": func(s *storeSKU) { s.waits(&push{attempts: 1}) },
		"a retry backs off":     func(s *storeSKU) { s.waits(&push{tried: &tried{backoff: backoff.NewExponentialBackOff()}}) },
		"two commands wait":     func(s *storeSKU) { s.waits(&push{tried: &tried{repetitions: []int64{3}}}) },
		"a push of our own":     func(s *storeSKU) { s.waits(&push{offset: schemas.NoOffset}) },
		"something newer":       func(s *storeSKU) { s.waits(&push{}); s.newest = &event{} },
		"a push flies":          func(s *storeSKU) { s.flying = &push{} },
		"its state waits":       func(s *storeSKU) { s.storing = 1 },
		"it is being read":      func(s *storeSKU) { s.reading = true },
		"its duty is unsaved":   func(s *storeSKU) { s.unsaved = true },
		"it is to be read back": func(s *storeSKU) { s.past.readback = &schemas.Readback{} },
		"a newer event stands":  func(s *storeSKU) { s.newest = &event{} },
		"nothing was finished":  func(s *storeSKU) { s.past.at = schemas.Position{} },
		"it has no past":        func(s *storeSKU) { s.past = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := &storeSKU{standing: standing{past: &past{at: schemas.Position{LogID: 1}}}}
			require.True(t, s.mayRest())
			use(s)
			require.False(t, s.mayRest())
		})
	}
}

func (s *storeSKU) waits(p *push) { s.waiting, s.newest = p, &p.event }

// A store SKU rests once nothing came of it for a while, and not while anything does.
func TestAStoreSKURestsWhenNothingComesOfIt(t *testing.T) {
	w := &worker{skus: map[string]*known{}, rests: time.NewTimer(time.Hour)}
	rapid.Check(t, func(t *rapid.T) {
		s := knownSKU(t)
		clear(w.skus)
		w.skus[s.key], w.awake = s.known, nil
		rests := func() bool { return w.skus[s.key].sku == nil }
		w.restLater(s)
		w.restLater(s)
		require.Len(t, w.awake, 1)
		w.restUnused()
		require.False(t, rests(), "something came of it just now")
		w.restLater(s)
		w.restUnused()
		require.False(t, rests())
		s.flying = &push{}
		w.restUnused()
		require.False(t, rests(), "a push flies")
		require.Empty(t, w.awake)
		w.restLater(s)
		require.Empty(t, w.awake)
		s.flying = nil
		w.restLater(s)
		w.restUnused()
		w.restUnused()
		require.True(t, rests())
		require.Empty(t, w.awake)
		require.Equal(t, s.append(nil), w.skus[s.key].resting.open().append(nil))
	})
}

// What waits where many are awake rests at once: there may be very many.
func TestAStoreSKUThatWaitsRestsAtOnceWhereManyAreAwake(t *testing.T) {
	now := time.Now()
	w := &worker{skus: map[string]*known{}, rests: time.NewTimer(time.Hour)}
	l := &lane{queue: newQueue(now)}
	for i := range manyAwake + 100 {
		k := newKnown(fmt.Sprint(i))
		w.skus[k.sku.key], k.sku.lane = k, l
		p := pushOf(schemas.Event{ItemID: int64(i), ModelID: 1})
		l.queue.put(k.sku, p)
		k.sku.newest = &p.event
		w.restLater(k.sku)
		require.Equal(t, i < manyAwake, k.sku != nil, i)
	}
	require.Len(t, w.awake, manyAwake)
	going := l.queue.depart(l.queue.items[manyAwake], now, 50)
	require.Len(t, going, 1)
	require.Equal(t, fmt.Sprint(manyAwake), going[0].key)
	require.Equal(t, int64(manyAwake), going[0].flying.itemID)
}
