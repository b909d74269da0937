package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/schemas"
)

// Each is pushed once, with the quantity that was triggered last.
func TestManyWaitingStoreSKUsArePushedWithTheirNewestQuantity(t *testing.T) {
	const skus, models = 9000, 10
	of := func(i, offset, qty int64) schemas.Event {
		e := event(fmt.Sprintf("a%04d", i), offset, qty)
		e.ItemID, e.ModelID = 1+i/models, 1+i%models
		return e
	}
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.stage.Pause([]int64{1})
		newest := make([]schemas.Event, skus)
		for i := range int64(skus) {
			newest[i] = of(i, i, i)
		}
		b.push(newest...)
		pause(time.Minute)
		var again []schemas.Event
		for i := int64(0); i < skus; i += 3 {
			newest[i] = of(i, skus+i, 50_000+i)
			if i%2 == 0 {
				newest[i].ItemID += 1_000_000 // it moved to another item
			}
			again = append(again, newest[i])
		}
		b.push(again...)
		pause(time.Minute)
		require.Equal(t, skus, int(b.metric("stockpush_channels_waiting")))
		require.Empty(t, b.memory.Calls())
		b.stage.Pause(nil)
		pause(time.Minute)
		records := b.log.last()
		require.Len(t, records, skus+len(again))
		for _, e := range newest {
			require.Equal(t, schemas.Successfully, records[e.EventID].Status, e.EventID)
			require.Equal(t, e.Available, b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: e.ItemID, ModelID: e.ModelID}))
		}
		for i := int64(0); i < skus; i += 3 {
			require.Equal(t, schemas.Skipped, records[of(i, i, i).EventID].Status)
		}
		require.Len(t, b.memory.Calls(), 2*skus/models, "a call for each item, old and new")
		b.finish()
		b.allResolved()
	})
}
