package wire

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func TestDecodingRecordsAllocatesNothingForEachText(t *testing.T) {
	const messages = 100
	e := schemas.Event{Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10021, StoreSKU: "A"}, EventID: "e1", Reason: schemas.SyncOrder, MerchantSKU: "M", RepeatsOffset: schemas.NoOffset}
	e.Position.LogID = 1
	record := schemas.RecordOf(e, schemas.Skipped)
	record.SupersededBy = e.EventID
	records := append(AppendRecordsHeader(nil, e.Key), bytes.Repeat(AppendRecord(nil, &record), messages)...)
	require.Less(t, testing.AllocsPerRun(10, func() {
		require.NoError(t, DecodeRecords(records, func(*schemas.Record) error { return nil }))
	}), messages/10.0)
}
