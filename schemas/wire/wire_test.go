package wire_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/wire"
)

func drawEvent(t *rapid.T) schemas.Event {
	at := func(name string) time.Time { return time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, name)).UTC() }
	return schemas.Event{
		EventID: rapid.String().Draw(t, "event_id"), Reason: rapid.SampledFrom(schemas.Reasons()).Draw(t, "reason"),
		Key:         schemas.Key{Channel: "shopee", ShopID: rapid.Int64Range(1, 1<<62).Draw(t, "shop"), StoreSKU: rapid.StringN(1, 50, 200).Draw(t, "sku")},
		MerchantSKU: rapid.String().Draw(t, "merchant"), ItemID: rapid.Int64Range(1, 1<<62).Draw(t, "item"), ModelID: rapid.Int64Range(0, 1<<62).Draw(t, "model"),
		LocationID: rapid.String().Draw(t, "location"), Available: rapid.Int64().Draw(t, "available"),
		PromotionReserved: rapid.Int64Range(0, 1<<40).Draw(t, "reserved"), OccurredAt: at("occurred"), RetryOf: rapid.String().Draw(t, "retry"),
		RepeatsOffset: rapid.Int64Range(-1, 1<<40).Draw(t, "repeats"),
		Position:      schemas.Position{LogID: rapid.Uint16Min(1).Draw(t, "log"), Partition: rapid.Int32Range(0, 1000).Draw(t, "partition"), Offset: rapid.Int64Range(0, 1<<60).Draw(t, "offset")},
		TriggeredAt:   at("triggered"), RequestedBy: rapid.String().Draw(t, "requested by"),
	}
}

func drawRecord(t *rapid.T, key schemas.Key) schemas.Record {
	qty := func(name string) *int64 {
		if rapid.Bool().Draw(t, name) {
			return nil
		}
		n := rapid.Int64Range(0, 1e7).Draw(t, name+" value")
		return &n
	}
	r := schemas.RecordOf(drawEvent(t), schemas.Status(rapid.IntRange(1, 4).Draw(t, "status")))
	r.Key = key
	r.BeforeQty, r.AfterQty, r.PromotionFloor = qty("before"), qty("after"), qty("floor")
	r.FailureCode = rapid.SampledFrom(append(schemas.FailureCodes(), "")).Draw(t, "code")
	r.FailureReason, r.SupersededBy, r.RequestID = rapid.String().Draw(t, "why"), rapid.String().Draw(t, "by"), rapid.String().Draw(t, "request")
	r.SupersededByOffset = rapid.Int64Range(-1, 1<<40).Draw(t, "by offset")
	r.Attempts = rapid.Uint16().Draw(t, "attempts")
	r.FinishedAt = time.UnixMilli(5).UTC()
	r.ShopRefused = rapid.Bool().Draw(t, "shop refused")
	return r
}

func TestCommandsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := schemas.Command{Event: drawEvent(t), QueuedAt: time.UnixMilli(7).UTC()}
		got, err := wire.DecodeCommand(schemastest.AppendCommand(nil, &c))
		require.NoError(t, err)
		require.Equal(t, c, got.Command)
		require.Equal(t, wire.PackEvent(nil, &c.Event), got.Encoded)
	})
}

func TestRecordsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawEvent(t).Key
		message := wire.AppendRecordsHeader(nil, key)
		var want, got []schemas.Record
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			r := drawRecord(t, key)
			message = wire.AppendRecord(message, &r)
			want = append(want, r)
		}
		require.NoError(t, wire.DecodeRecords(message, func(r *schemas.Record) error { got = append(got, *r); return nil }))
		require.Equal(t, want, got)
	})
}

func TestAMessageMayHaveRecordsOfSeveralStoreSKUs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := wire.BeginRecords(nil)
		var want, got []schemas.Record
		for range rapid.IntRange(1, 3).Draw(t, "store SKUs") {
			e := drawEvent(t)
			message = wire.AppendRecordsKey(message, e.Key.String())
			message = wire.AppendChain(message, wire.Chain{Newest: wire.PackEvent(nil, &e), QueuedAt: time.UnixMilli(8).UTC()})
			pending := schemas.RecordOf(e, schemas.Pending)
			pending.QueuedAt = time.UnixMilli(8).UTC()
			r := drawRecord(t, e.Key)
			message = wire.AppendRecord(message, &r)
			want = append(want, pending, r)
		}
		require.NoError(t, wire.DecodeRecords(message, func(r *schemas.Record) error { got = append(got, *r); return nil }))
		require.Equal(t, want, got)
	})
}

func TestStatesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newest := drawEvent(t)
		qty := int64(4)
		s := schemas.State{Key: newest.Key, Newest: newest, Sent: newest.Position, SentQty: 3, Confirmed: &qty, Finished: drawRecord(t, newest.Key)}
		if rapid.Bool().Draw(t, "readback") {
			s.Readback = &schemas.Readback{ItemID: 1, ModelID: 2, Lost: []int64{qty, 4, 9}, NotBefore: time.UnixMilli(11).UTC()}
		}
		got, err := wire.DecodeState(schemastest.AppendState(nil, &s))
		require.NoError(t, err)
		require.Equal(t, s, got)
	})
}

// A message as the version before the promotion floor wrote it.
const beforeTheFloor = "010a1073686f7065652f31303030312f4d5547126e0a1c0a03652d31101120f40328073806400148d00f60016802700578a01f1003180e2a1762656c6f775f70726f6d6f74696f6e" +
	"5f7265736572766532246c6172676572207468616e20392028726573657276652073746f636b206e756d6265722948015203722d3158f02e60c03e"

func TestVersionsBeforeAndAfterReadEachOthersRecords(t *testing.T) {
	before, err := hex.DecodeString(beforeTheFloor)
	require.NoError(t, err)
	var read schemas.Record
	require.NoError(t, wire.DecodeRecords(before, func(r *schemas.Record) error { read = *r; return nil }))
	require.Equal(t, "e-1", read.EventID)
	require.Equal(t, schemas.BelowPromotionReserve, read.FailureCode)
	require.Nil(t, read.PromotionFloor)
	header := wire.AppendRecordsHeader(nil, read.Key)
	require.Len(t, wire.AppendRecord(header, &read), len(before), "a record without a floor is written as before, except for the order of fields")

	floor := int64(9)
	read.PromotionFloor = &floor
	after := wire.AppendRecord(nil, &read)
	fields, n := protowire.ConsumeBytes(after[1:])
	require.Positive(t, n)
	fields = protowire.AppendString(protowire.AppendTag(fields, 900, protowire.BytesType), "what a later version adds")
	later := protowire.AppendBytes(protowire.AppendTag(header, 2, protowire.BytesType), fields)
	require.NoError(t, wire.DecodeRecords(later, func(r *schemas.Record) error { require.Equal(t, read, *r); return nil }))
}

func TestAnUnknownFormatIsSaid(t *testing.T) {
	for _, message := range [][]byte{nil, {9, 1}} {
		var unknown *wire.UnknownFormatError
		_, err := wire.DecodeCommand(message)
		require.ErrorAs(t, err, &unknown)
		_, err = wire.DecodeState(message)
		require.ErrorAs(t, err, &unknown)
		require.ErrorAs(t, wire.DecodeRecords(message, nil), &unknown)
	}
}

func FuzzOwnMessages(f *testing.F) {
	e := schemas.Event{EventID: "e", Reason: schemas.SyncOrder, Key: schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "s"}, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1}}
	r := schemas.RecordOf(e, schemas.Pending)
	f.Add(schemastest.AppendCommand(nil, &schemas.Command{Event: e}))
	f.Add(wire.AppendRecord(wire.AppendRecordsHeader(nil, e.Key), &r))
	packed := wire.PackEvent(nil, &e)
	f.Add(wire.AppendChain(wire.AppendRecordsHeader(nil, e.Key), wire.Chain{Newest: packed, QueuedAt: time.UnixMilli(8), Links: someLinks(&e)}))
	f.Add(schemastest.AppendState(nil, &schemas.State{Key: e.Key, Newest: e, Finished: r}))
	f.Fuzz(func(t *testing.T, message []byte) {
		if c, err := wire.DecodeCommand(message); err == nil {
			again, err := wire.DecodeCommand(schemastest.AppendCommand(nil, &c.Command))
			require.NoError(t, err)
			require.Equal(t, c.Command, again.Command)
		}
		if s, err := wire.DecodeState(message); err == nil {
			again, err := wire.DecodeState(schemastest.AppendState(nil, &s))
			require.NoError(t, err)
			require.Equal(t, s.Finished.Position, again.Finished.Position)
		}
		_ = wire.DecodeRecords(message, func(r *schemas.Record) error {
			return wire.DecodeRecords(wire.AppendRecord(wire.AppendRecordsHeader(nil, r.Key), r), func(again *schemas.Record) error {
				require.Equal(t, r.Position, again.Position)
				require.Equal(t, r.Status, again.Status)
				return nil
			})
		})
	})
}
