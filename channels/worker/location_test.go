package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/schemas"
)

func TestCallCarriesEachLocationOfAModelOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		at := func(sku, location string, offset int64) schemas.Event {
			e := event(sku, offset, offset)
			e.LocationID = location
			return e
		}
		b.push(at("a1", "SG", 1), at("a2", "MY", 2), at("a3", "SG", 3))
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 2)
		require.Equal(t, []channels.Line{{ModelID: 1, LocationID: "SG", Qty: 1}, {ModelID: 1, LocationID: "MY", Qty: 2}}, b.memory.Calls()[0].Lines)
		require.Equal(t, []channels.Line{{ModelID: 1, LocationID: "SG", Qty: 3}}, b.memory.Calls()[1].Lines)
		require.Equal(t, "MY", b.log.last()["a2@2"].LocationID)
		b.finish()
		b.allResolved()
	})
}
