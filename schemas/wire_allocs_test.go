package schemas

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodingRecordsAllocatesNothingForEachText(t *testing.T) {
	const messages = 100
	e := Event{Key: Key{Channel: ChannelShopee, ShopID: 10021, StoreSKU: "A"}, EventID: "e1", Reason: SyncOrder, ItemID: 1, MerchantSKU: "M", RepeatsOffset: NoOffset}
	e.Position.LogID = 1
	record := SkippedBy(e, &e, e.OccurredAt)
	records := append(AppendRecordsHeader(nil, e.Key), bytes.Repeat(AppendRecord(nil, &record), messages)...)
	require.Less(t, testing.AllocsPerRun(10, func() {
		require.NoError(t, DecodeRecords(records, func(*Record) error { return nil }))
	}), messages/10.0)
}
