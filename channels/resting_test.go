package channels

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

// What rests is told by its state as before, and so is what was opened again.
func TestAStoreSKUThatRestedIsWhatItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := knownSKU(t)
		require.True(t, s.mayRest())
		written := s.append(nil)
		rests, _ := s.atRest(nil)
		require.Equal(t, s.key, rests.key())
		opened := rests.open()
		require.Equal(t, written, opened.append(nil))
		require.Equal(t, s.past, opened.past)
		require.True(t, opened.mayRest())
		again, _ := opened.atRest(make([]byte, 7))
		require.Equal(t, rests, again)
	})
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
	s := &storeSKU{standing: standing{key: e.Key.String()}}
	p := s.history()
	p.sent, p.sentQty = positions(t, "sent"), rapid.Int64().Draw(t, "sent quantity")
	p.confirmed = rapid.Int64Min(noQty).Draw(t, "confirmed")
	s.finish(finished{e.Position, r.Status, schemas.AppendRecord(nil, &r)})
	return s
}

func TestAStoreSKUThatIsNeededDoesNotRest(t *testing.T) {
	for name, use := range map[string]func(*storeSKU){
		"a push waits":          func(s *storeSKU) { s.waiting = &push{} },
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

// A store SKU rests once nothing came of it for a while, and not while anything does.
func TestAStoreSKURestsWhenNothingComesOfIt(t *testing.T) {
	w := &worker{skus: map[string]known{}, rests: time.NewTimer(time.Hour)}
	rapid.Check(t, func(t *rapid.T) {
		s := knownSKU(t)
		clear(w.skus)
		w.skus[s.key], w.awake = known{sku: s}, nil
		rests := func() bool { return w.skus[s.key].sku == nil }
		w.restLater(s)
		w.restLater(s)
		require.Len(t, w.awake, 1)
		w.restUnused()
		require.False(t, rests(), "something came of it just now")
		w.restLater(s)
		w.restUnused()
		require.False(t, rests())
		s.waiting = &push{}
		w.restUnused()
		require.False(t, rests(), "a push waits")
		require.Empty(t, w.awake)
		w.restLater(s)
		require.Empty(t, w.awake)
		s.waiting = nil
		w.restLater(s)
		w.restUnused()
		w.restUnused()
		require.True(t, rests())
		require.Empty(t, w.awake)
		require.Equal(t, s.append(nil), w.skus[s.key].resting.open().append(nil))
	})
}
