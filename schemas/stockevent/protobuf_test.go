package stockevent_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

// decodeProtobuf reads an event in Protobuf.
func decodeProtobuf(key string, value []byte) (schemas.Event, error) {
	var d stockevent.Decoder
	var e schemas.Event
	err := d.DecodeMessage(&e, stockevent.Message{Key: []byte(key), Value: value, ContentType: []byte("application/protobuf")})
	return e, err
}

// drawUpstreamEvent draws an event that breaks a rule now and then, by a value that both encodings can have.
func drawUpstreamEvent(t *rapid.T) schemas.Event {
	text := func(name string, high int) string {
		return rapid.OneOf(rapid.StringN(0, high, -1), rapid.StringN(high, high+2, -1), rapid.Just("a\nb"), rapid.Just("ü/😀")).Draw(t, name)
	}
	integer := func(name string) int64 {
		n := rapid.OneOf(rapid.Int64Range(1, 20_000_000), rapid.Int64(), rapid.SampledFrom([]int64{-1, math.MaxInt64, math.MinInt64})).Draw(t, name)
		if n == 0 {
			return 1
		}
		return n
	}
	e := schemas.Event{
		EventID: "e" + text("event_id", 64), Reason: rapid.SampledFrom(schemas.Reasons()).Draw(t, "reason"),
		Key:         schemas.Key{Channel: rapid.SampledFrom([]string{"shopee", "shopee", "lazada", ""}).Draw(t, "channel"), ShopID: integer("shop_id"), StoreSKU: "s" + text("store_sku", 250)},
		MerchantSKU: text("merchant_sku", 250), ItemID: integer("item_id"), ModelID: integer("model_id"), LocationID: text("location_id", 60),
		Available: integer("available"), PromotionReserved: integer("promotion_reserved"),
		OccurredAt: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
		RetryOf:    text("retry_of", 64), RepeatsOffset: rapid.Int64Range(-1, 10).Draw(t, "repeats_offset"), RequestedBy: text("requested_by", 128),
	}
	if rapid.Bool().Draw(t, "sensible") {
		e.Key.Channel, e.Key.ShopID, e.ItemID, e.ModelID = schemas.ChannelShopee, e.Key.ShopID&0xffff|1, e.ItemID&0xffff|1, e.ModelID&0xffff
		e.Available, e.PromotionReserved = e.Available%1000, e.PromotionReserved&0xff
	}
	return e
}

// TestProtobufAndJSONOfAnEventDecodeEqual also holds for the error of an event that breaks a rule.
func TestProtobufAndJSONOfAnEventDecodeEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawUpstreamEvent(t)
		key := e.Key.String()
		inJSON, bad := schemastest.DecodeEvent([]byte(key), stockevent.Encode(&e))
		inProtobuf, alsoBad := decodeProtobuf(key, schemastest.EncodeProtobuf(&e))
		require.Equal(t, inJSON, inProtobuf)
		if bad == nil {
			require.NoError(t, alsoBad)
			return
		}
		var want, got *schemas.BadEvent
		require.ErrorAs(t, bad, &want)
		require.ErrorAs(t, alsoBad, &got)
		require.Equal(t, [2]string{want.Code, want.Field}, [2]string{got.Code, got.Field})
	})
}

// stockEvent is the message of stock_event.proto.
func stockEvent(t testing.TB) protoreflect.MessageDescriptor {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{".."}})}
	files, err := compiler.Compile(t.Context(), "stock_event.proto")
	require.NoError(t, err)
	return files[0].Messages().ByName("StockEvent")
}

func TestProtobufSchemaHasTheContractsFieldsAndReasons(t *testing.T) {
	message := stockEvent(t)
	properties := schemaProperties(t)
	require.Equal(t, len(properties), message.Fields().Len())
	for i := range message.Fields().Len() {
		require.Contains(t, properties, string(message.Fields().Get(i).Name()))
	}
	reasons := message.Fields().ByName("reason").Enum().Values()
	require.Equal(t, len(schemas.Reasons())+1, reasons.Len())
	for _, reason := range schemas.Reasons() {
		value := reasons.ByNumber(protoreflect.EnumNumber(reason))
		require.Equal(t, "REASON_"+strings.ToUpper(reason.Slug()), string(value.Name()))
	}
}

// TestProtobufOfTheSchemaIsDecoded encodes by the schema, as a producer's generated code does.
func TestProtobufOfTheSchemaIsDecoded(t *testing.T) {
	message := stockEvent(t)
	timestamp := message.Fields().ByName("occurred_at").Message()
	rapid.Check(t, func(t *rapid.T) {
		e := drawUpstreamEvent(t)
		m := dynamicpb.NewMessage(message)
		set := func(name string, value any) {
			m.Set(message.Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(value))
		}
		set("event_id", e.EventID)
		set("reason", protoreflect.EnumNumber(e.Reason))
		set("channel", e.Key.Channel)
		set("shop_id", e.Key.ShopID)
		set("store_sku", e.Key.StoreSKU)
		set("merchant_sku", e.MerchantSKU)
		set("item_id", e.ItemID)
		set("model_id", e.ModelID)
		set("location_id", e.LocationID)
		set("available", e.Available)
		set("promotion_reserved", e.PromotionReserved)
		set("requested_by", e.RequestedBy)
		if e.RetryOf != "" {
			set("retry_of", e.RetryOf)
		}
		if e.Repeats() {
			set("repeats_offset", e.RepeatsOffset)
		}
		at := dynamicpb.NewMessage(timestamp)
		at.Set(timestamp.Fields().ByName("seconds"), protoreflect.ValueOf(e.OccurredAt.Unix()))
		at.Set(timestamp.Fields().ByName("nanos"), protoreflect.ValueOf(int32(e.OccurredAt.Nanosecond())))
		set("occurred_at", at)
		value, err := proto.Marshal(m)
		require.NoError(t, err)
		want, bad := decodeProtobuf(e.Key.String(), schemastest.EncodeProtobuf(&e))
		got, alsoBad := decodeProtobuf(e.Key.String(), value)
		require.Equal(t, want, got)
		require.Equal(t, bad == nil, alsoBad == nil)
	})
}

func TestProtobufThatBreaksARuleIsRejected(t *testing.T) {
	e := schemas.Event{
		EventID: "e", Reason: schemas.StockCount, Key: schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "S"}, ItemID: 1, Available: 0,
		OccurredAt: time.Unix(1, 0), RepeatsOffset: schemas.NoOffset,
	}
	good := schemastest.EncodeProtobuf(&e)
	with := func(number protowire.Number, kind protowire.Type, value []byte) []byte {
		return append(protowire.AppendTag(append([]byte{}, good...), number, kind), value...)
	}
	without := func(number protowire.Number) (rest []byte) {
		for b := good; len(b) > 0; {
			n, _, size := protowire.ConsumeField(b)
			if n != number {
				rest = append(rest, b[:size]...)
			}
			b = b[size:]
		}
		return rest
	}
	replaced := func(number protowire.Number, kind protowire.Type, value []byte) []byte {
		return append(protowire.AppendTag(without(number), number, kind), value...)
	}
	stamp := func(seconds, nanos int64) []byte {
		b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(seconds))
		return protowire.AppendBytes(nil, protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(nanos)))
	}
	varint := func(n uint64) []byte { return protowire.AppendVarint(nil, n) }
	for name, c := range map[string]struct {
		value       []byte
		code, field string
	}{
		"empty":                        {nil, schemas.CodeMissingField, "event_id"},
		"JSON":                         {[]byte(`{"event_id":"e"}`), schemas.CodeNotProtobuf, ""},
		"cut off":                      {good[:len(good)-1], schemas.CodeNotProtobuf, ""},
		"field 0":                      {[]byte{2, 0}, schemas.CodeNotProtobuf, ""},
		"a field twice":                {with(1, protowire.BytesType, protowire.AppendString(nil, "e")), schemas.CodeDuplicateField, "event_id"},
		"available not on the wire":    {without(10), schemas.CodeMissingField, "available"},
		"available the least":          {replaced(10, protowire.VarintType, varint(math.MaxUint64)), schemas.CodeOutOfRange, "available"},
		"available fixed":              {replaced(10, protowire.Fixed64Type, make([]byte, 8)), schemas.CodeWrongType, "available"},
		"shop a text":                  {replaced(4, protowire.BytesType, protowire.AppendString(nil, "1")), schemas.CodeWrongType, "shop_id"},
		"shop above 63 bits":           {replaced(4, protowire.VarintType, varint(1<<63)), schemas.CodeOutOfRange, "shop_id"},
		"event_id a number":            {replaced(1, protowire.VarintType, varint(1)), schemas.CodeWrongType, "event_id"},
		"event_id empty":               {replaced(1, protowire.BytesType, []byte{0}), schemas.CodeBadLength, "event_id"},
		"store SKU not UTF-8":          {replaced(5, protowire.BytesType, protowire.AppendString(nil, "\xff")), schemas.CodeBadText, "store_sku"},
		"unspecified reason":           {replaced(2, protowire.VarintType, varint(0)), schemas.CodeUnknownReason, "reason"},
		"reason 18":                    {replaced(2, protowire.VarintType, varint(18)), schemas.CodeUnknownReason, "reason"},
		"reason above 8 bits":          {replaced(2, protowire.VarintType, varint(256+1)), schemas.CodeUnknownReason, "reason"},
		"reason a text":                {replaced(2, protowire.BytesType, protowire.AppendString(nil, "stock_count")), schemas.CodeWrongType, "reason"},
		"time a text":                  {replaced(12, protowire.BytesType, protowire.AppendString(nil, "2026-01-02T03:04:05Z")), schemas.CodeNotProtobuf, ""},
		"time a number":                {replaced(12, protowire.VarintType, varint(1)), schemas.CodeWrongType, "occurred_at"},
		"time before the year 1":       {replaced(12, protowire.BytesType, stamp(-62135596801, 0)), schemas.CodeBadTime, "occurred_at"},
		"time after the year 9999":     {replaced(12, protowire.BytesType, stamp(253402300800, 0)), schemas.CodeBadTime, "occurred_at"},
		"nanos above a second":         {replaced(12, protowire.BytesType, stamp(0, 1e9)), schemas.CodeBadTime, "occurred_at"},
		"negative nanos":               {replaced(12, protowire.BytesType, stamp(0, -1)), schemas.CodeBadTime, "occurred_at"},
		"an unknown field is ignored":  {with(99, protowire.BytesType, protowire.AppendString(nil, "x")), "", ""},
		"an unknown group is ignored":  {with(99, protowire.StartGroupType, protowire.AppendTag(nil, 99, protowire.EndGroupType)), "", ""},
		"an unknown group is not done": {with(99, protowire.StartGroupType, nil), schemas.CodeNotProtobuf, ""},
		"good":                         {good, "", ""},
	} {
		got, err := decodeProtobuf("shopee/1/S", c.value)
		if c.code == "" {
			require.NoError(t, err, name)
			require.Equal(t, e.EventID, got.EventID)
			continue
		}
		var bad *schemas.BadEvent
		require.ErrorAs(t, err, &bad, name)
		require.Equal(t, [2]string{c.code, c.field}, [2]string{bad.Code, bad.Field}, name)
		require.NotEmpty(t, bad.Message)
	}
}

// What the decoder takes survives being written again, in either encoding.
func FuzzDecodeProtobuf(f *testing.F) {
	for _, good := range schemastest.GoodEvents() {
		e, err := schemastest.DecodeEvent([]byte(schemastest.GoodKey), []byte(good))
		require.NoError(f, err)
		f.Add(schemastest.GoodKey, schemastest.EncodeProtobuf(&e))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		e, err := decodeProtobuf(key, value)
		if err != nil {
			var why *schemas.BadEvent
			require.ErrorAs(t, err, &why)
			return
		}
		again, err := decodeProtobuf(key, schemastest.EncodeProtobuf(&e))
		require.NoError(t, err)
		require.Equal(t, e, again)
		again, err = schemastest.DecodeEvent([]byte(key), stockevent.Encode(&e))
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
