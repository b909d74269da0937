package stockevent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

func TestBadEventsGetTheirCode(t *testing.T) {
	for _, bad := range schemastest.BadEvents() {
		t.Run(bad.Name, func(t *testing.T) {
			_, err := schemastest.DecodeEvent([]byte(bad.Key), []byte(bad.Value))
			var why *schemas.BadEvent
			require.ErrorAs(t, err, &why)
			require.Equal(t, bad.Code, why.Code, why.Message)
			require.NotEmpty(t, why.Message)
		})
	}
}

func TestGoodEventsAreTaken(t *testing.T) {
	for _, good := range schemastest.GoodEvents() {
		event, err := schemastest.DecodeEvent([]byte(schemastest.GoodKey), []byte(good))
		require.NoError(t, err, good)
		again, err := schemastest.DecodeEvent([]byte(schemastest.GoodKey), stockevent.Encode(&event))
		require.NoError(t, err)
		event.OccurredAt = event.OccurredAt.UTC()
		require.Equal(t, event, again)
	}
}

// The JSON Schema and the codec agree, except for the rules that the corpus marks
// as beyond a schema, and lengths that are counted in bytes.
func TestTheJSONSchemaAgreesWithTheCodec(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	text, err := os.Open("../stock_event.schema.json")
	require.NoError(t, err)
	defer func() { require.NoError(t, text.Close()) }()
	document, err := jsonschema.UnmarshalJSON(text)
	require.NoError(t, err)
	require.NoError(t, compiler.AddResource("event", document))
	schema, err := compiler.Compile("event")
	require.NoError(t, err)
	valid := func(value string) bool {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
		return err == nil && schema.Validate(v) == nil
	}
	for _, good := range schemastest.GoodEvents() {
		require.True(t, valid(good), good)
	}
	inBytes := map[string]bool{"long store SKU": true, "shop with a fraction": true, "shop with an exponent": true, "unpaired surrogate": true}
	for _, bad := range schemastest.BadEvents() {
		if !bad.BeyondSchema && !inBytes[bad.Name] {
			require.False(t, valid(bad.Value), bad.Name)
		}
	}
}

const sample = `{"event_id":"0190d3b2-7c1e-7a55-9d2f-3e5d3c1b2a10","reason":"stock_out_sale","channel":"shopee","shop_id":10021,` +
	`"store_sku":"TSHIRT-RED-L","merchant_sku":"TSHIRT-RED","item_id":88112233,"model_id":99887766,"available":41,"promotion_reserved":3,"occurred_at":"2026-11-24T08:15:30.123Z"}`

func TestDecodedFields(t *testing.T) {
	event, err := schemastest.DecodeEvent([]byte("shopee/10021/TSHIRT-RED-L"), []byte(sample))
	require.NoError(t, err)
	require.Equal(t, schemas.Event{
		EventID: "0190d3b2-7c1e-7a55-9d2f-3e5d3c1b2a10", Reason: schemas.StockOutSale,
		Key:         schemas.Key{Channel: "shopee", ShopID: 10021, StoreSKU: "TSHIRT-RED-L"},
		MerchantSKU: "TSHIRT-RED", ItemID: 88112233, ModelID: 99887766, Available: 41, PromotionReserved: 3,
		OccurredAt: time.Date(2026, 11, 24, 8, 15, 30, 123e6, time.UTC), RepeatsOffset: schemas.NoOffset,
	}, event)
	require.Equal(t, int64(44), event.PushQty())
}

// What the decoder takes is JSON, has the values that encoding/json finds, and
// survives being written again.
func FuzzDecodeEvent(f *testing.F) {
	for _, good := range schemastest.GoodEvents() {
		f.Add(schemastest.GoodKey, good)
	}
	for _, bad := range schemastest.BadEvents() {
		f.Add(bad.Key, bad.Value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		event, err := schemastest.DecodeEvent([]byte(key), []byte(value))
		if err != nil {
			var why *schemas.BadEvent
			require.ErrorAs(t, err, &why)
			return
		}
		require.True(t, json.Valid([]byte(value)))
		var known struct {
			EventID   string `json:"event_id"`
			Available int64  `json:"available"`
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(value)))
		if decoder.Decode(&known) == nil && !strings.Contains(strings.ToLower(value), `"available"`+"\x00") {
			require.Equal(t, event.Key.String(), key)
		}
		_, err = schemastest.DecodeEvent([]byte(key), stockevent.Encode(&event))
		if event.OccurredAt.UTC().Year() <= 9999 && event.OccurredAt.UTC().Year() >= 0 {
			require.NoError(t, err)
		}
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	key, value := []byte("shopee/10021/TSHIRT-RED-L"), []byte(sample)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var decoder stockevent.Decoder
		var event schemas.Event
		for b.Loop() {
			if err := decoder.DecodeMessage(&event, stockevent.Message{Key: key, Value: value}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protobuf", func(b *testing.B) {
		b.ReportAllocs()
		var decoder stockevent.Decoder
		var event schemas.Event
		require.NoError(b, decoder.DecodeMessage(&event, stockevent.Message{Key: key, Value: value}))
		m := stockevent.Message{Key: key, Value: schemastest.EncodeProtobuf(&event), ContentType: []byte("application/protobuf")}
		b.ReportMetric(float64(len(m.Value)), "bytes")
		for b.Loop() {
			if err := decoder.DecodeMessage(&event, m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		var event struct {
			EventID           string    `json:"event_id"`
			Reason            string    `json:"reason"`
			Channel           string    `json:"channel"`
			ShopID            int64     `json:"shop_id"`
			StoreSKU          string    `json:"store_sku"`
			MerchantSKU       string    `json:"merchant_sku"`
			ItemID            int64     `json:"item_id"`
			ModelID           int64     `json:"model_id"`
			Available         int64     `json:"available"`
			PromotionReserved int64     `json:"promotion_reserved"`
			OccurredAt        time.Time `json:"occurred_at"`
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(value, &event); err != nil {
				b.Fatal(err)
			}
		}
	})
}
