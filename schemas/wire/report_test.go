package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

func decodeReports(t *testing.T, message []byte) (all []schemas.Report) {
	require.NoError(t, wire.DecodeRecordsAndReports(message, nil, func(r *schemas.Report) error {
		all = append(all, *r)
		return nil
	}))
	return all
}

func TestReportsSurviveEncoding(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_123).UTC()
	shop := schemas.Shop{Channel: schemas.ChannelShopee, ID: 10021}
	all := []schemas.Report{
		{Shop: shop, StoreSKU: "A/B", Version: schemas.ReportVersion{Epoch: 9, At: at}, Progress: &schemas.Progress{
			Position: schemas.Position{LogID: 2, Partition: 3, Offset: 4}, Attempts: 5, Code: schemas.TimedOut, Answer: "no answer", Next: at.Add(time.Second),
		}},
		{Shop: shop, Version: schemas.ReportVersion{Epoch: 9, At: at}, Status: &schemas.ShopStatus{
			State: schemas.ShopHeld, Since: at, Until: at.Add(time.Minute), Code: schemas.AuthorizationLost, Message: "no consent",
		}},
		{Shop: shop, Version: schemas.ReportVersion{At: at}, Info: &schemas.ShopInfo{Name: "ร้าน", AuthorizationEndsAt: at}},
		{Shop: shop, Version: schemas.ReportVersion{At: at}, Info: &schemas.ShopInfo{Nameless: true}},
	}
	message := wire.BeginRecords(nil)
	for i := range all {
		message = wire.AppendReport(message, &all[i])
	}
	require.Equal(t, all, decodeReports(t, message))
	require.Equal(t, []string{"shopee/10021/A/B", "shopee/10021", "shopee/10021"}, []string{all[0].Key(), all[1].Key(), all[2].Key()})
	require.NoError(t, wire.DecodeRecords(message, nil), "a reader of records ignores reports")
}

func TestReportOfNothingIsAnError(t *testing.T) {
	message := wire.EncodeReport(&schemas.Report{Info: &schemas.ShopInfo{Name: "x"}})
	require.Error(t, wire.DecodeRecordsAndReports(message, nil, func(*schemas.Report) error { return nil }), "its shop has no channel")
}
