package processor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/latest"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

// If links take more memory than they may, those of the window that gets an event are
// spilled; others stay.
func TestLinksAreSpilledIfMemoryIsScarce(t *testing.T) {
	a, _ := streamtest.NewAssignment(t.Context(), "events", 0)
	p := newPartition(&Processor{
		cfg:  Config{Window: time.Second},
		deps: Deps{Log: EventLog{ID: 1, Partitions: 1, RecordPartitions: 1}, Metrics: &Metrics{}},
	}, a)
	offset := int64(0)
	put := func(sku string) *latest.Entry {
		key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku}
		e := schemas.Event{EventID: fmt.Sprint(offset), Reason: schemas.SyncOrder, Key: key, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset}}
		offset++
		w := p.buffer.Put([]byte(key.String()), &e, time.Now()).Entry
		p.spill(w)
		return w
	}
	share := func(bytes int64) { p.partitions.Store(maxLinkBytes / bytes) }
	put("a")
	stays := put("a")
	share(int64(p.buffer.LinkBytes()))
	put("b")
	require.Empty(t, p.records.Take(), "no more than may be")
	goes := put("b")
	require.Equal(t, []int64{2}, p.records.Take()[0].Sources)
	require.Empty(t, goes.Links)
	require.NotEmpty(t, stays.Links)
	share(1)
	put("c")
	require.Empty(t, p.records.Take(), "it has none")
}
