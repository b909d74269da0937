package schemas_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"stockpush/schemas"
)

func TestShopTextIsTheShopOfAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := schemas.Key{Channel: "shopee", ShopID: rapid.Int64Range(1, 1<<62).Draw(t, "shop"), StoreSKU: rapid.StringN(1, 50, 200).Draw(t, "sku")}
		require.Equal(t, key.Shop().String(), schemas.ShopText(key.String()))
	})
}

// Whatever headers a dead letter comes with, they are refused, or mean the same when
// they are written again.
func FuzzDeadLetterHeaders(f *testing.F) {
	f.Add("error-code", "not_json", "error-message", "\xff", "source-partition", "2147483648")
	f.Add("source-offset", "-9223372036854775809", "source-partition", "+1", "error-truncated", "true")
	f.Add("source-topic", "stockpush.events", "source-offset", "9223372036854775807", "", "")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2, name3, value3 string) {
		var d schemas.DeadLetter
		for _, h := range [][2]string{{name1, value1}, {name2, value2}, {name3, value3}} {
			if d.TakeHeader(h[0], h[1]) != nil {
				return
			}
		}
		var again, third schemas.DeadLetter
		d.Headers(func(name, value string) { require.NoError(t, again.TakeHeader(name, value)) })
		require.Equal(t, d.SourceTopic, again.SourceTopic)
		require.Equal(t, [2]int64{int64(d.SourcePartition), d.SourceOffset}, [2]int64{int64(again.SourcePartition), again.SourceOffset})
		require.LessOrEqual(t, len(again.Message), len(d.Message))
		again.Headers(func(name, value string) { require.NoError(t, third.TakeHeader(name, value)) })
		require.Equal(t, again, third)
	})
}

func TestPartitionsAreThoseOfJavasClient(t *testing.T) {
	theirs := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.IntRange(1, 100).Draw(t, "partitions")
		require.Equal(t, int32(theirs.Partition(&kgo.Record{Key: key}, n)), schemas.PartitionFor(key, n))
	})
}

func TestReasonsAreTheContracts(t *testing.T) {
	want := []string{
		"1 sync_order Sync Order", "2 stock_in_manual Stock-In / Manual", "3 stock_in_return_scan Stock-In / Return-Scan",
		"4 stock_in_return_manual Stock-In / Return-Manual", "5 stock_in_transfer Stock-In / Transfer", "6 stock_in_purchase Stock-In / Purchase",
		"7 stock_out_manual Stock-Out / Manual", "8 stock_out_sale Stock-Out / Sale", "9 stock_out_transfer Stock-Out / Transfer",
		"10 void_order Void Order", "11 revert_voided_order Revert Voided Order", "12 change_mapping Add/Change Mapping Relationships",
		"13 change_warehouse Change Warehouse", "14 move_to_pack Move to [To Pack]", "15 refresh_inventory Refresh Inventory",
		"16 push_now Click Push Now/ Push Manually", "17 stock_count Stock Count",
	}
	var got []string
	for _, r := range schemas.Reasons() {
		got = append(got, fmt.Sprintf("%d %s %s", r, r.Slug(), r.Label()))
		require.Equal(t, r, schemas.ReasonOf(r.Slug()))
	}
	require.Equal(t, want, got)
}

func TestFailureCodesHaveAClassAndAHint(t *testing.T) {
	require.Len(t, schemas.FailureCodes(), 21)
	for _, code := range schemas.FailureCodes() {
		require.True(t, code.Valid())
		require.NotEmpty(t, code.Class(), code)
		require.NotEmpty(t, code.Hint(), code)
	}
	require.False(t, schemas.FailureCode("made_up").Valid())
}

func TestNewerIsByLogAndThenByOffset(t *testing.T) {
	require.True(t, schemas.Position{LogID: 2, Offset: 1}.Newer(schemas.Position{LogID: 1, Offset: 9}))
	require.True(t, schemas.Position{LogID: 1, Offset: 2}.Newer(schemas.Position{LogID: 1, Offset: 1}))
	require.False(t, schemas.Position{LogID: 1, Offset: 1}.Newer(schemas.Position{LogID: 1, Offset: 1}))
}

func TestKeysKeepTheirSlashes(t *testing.T) {
	key := schemas.Key{Channel: "shopee", ShopID: 7, StoreSKU: "A/B//C"}
	parsed, err := schemas.ParseKey(key.String())
	require.NoError(t, err)
	require.Equal(t, key, parsed)
	for _, bad := range []string{"", "shopee", "shopee/1", "shopee/x/S", "shopee/1/", "/1/S"} {
		_, err := schemas.ParseKey(bad)
		require.Error(t, err, bad)
	}
}

func TestReceivedHeadersAreKeptUnlessTheyAreTooLarge(t *testing.T) {
	d := schemas.DeadLetter{Received: []schemas.MessageHeader{{Name: "a", Value: make([]byte, 16<<10-1)}}, Value: make([]byte, schemas.MaxDeadLetterBytes)}
	require.Equal(t, d.Received, d.FittingReceived())
	d.Value = make([]byte, schemas.MaxDeadLetterBytes-20<<10)
	require.Less(t, len(d.FittingValue())+16<<10, schemas.MaxDeadLetterBytes)
	d.Received = append(d.Received, schemas.MessageHeader{Name: "b"})
	require.Empty(t, d.FittingReceived())
}
