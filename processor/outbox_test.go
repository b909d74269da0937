package processor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/latest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// If links take more memory than they may, those of the window that gets an event are
// spilled; others stay.
func TestLinksAreSpilledWhereMemoryIsScarce(t *testing.T) {
	a, _ := stream.NewTestAssignment(t.Context(), "events", 0)
	buffer := latest.New(latest.Config{Window: time.Second}, time.Now())
	o := newOutbox(Deps{Log: Log{ID: 1, Partitions: 1, RecordPartitions: 1}}, a, buffer)
	offset := int64(0)
	put := func(sku string) *latest.Entry {
		key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku}
		e := schemas.Event{EventID: fmt.Sprint(offset), Reason: schemas.SyncOrder, Key: key, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset}}
		offset++
		w := buffer.Put(buffer.Find([]byte(key.String())), []byte(key.String()), &e, time.Now()).Entry
		o.spill(t.Context(), w)
		return w
	}
	put("a")
	stays := put("a")
	o.mayHold = buffer.LinkBytes()
	put("b")
	require.Nil(t, o.parcels[0], "no more than may be")
	goes := put("b")
	require.Equal(t, []int64{2}, o.parcels[0].offsets)
	require.Empty(t, goes.Links())
	require.NotEmpty(t, stays.Links())
	o.mayHold = 0
	put("c")
	require.Equal(t, []int64{2}, o.parcels[0].offsets, "it has none")
}
