package stockevent

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

// decodeBy decodes by a decoder of JSON.
func decodeBy(decode func(*schemas.Event, []byte) *schemas.BadEvent, key, value []byte) (schemas.Event, error) {
	e := schemas.Event{RepeatsOffset: schemas.NoOffset}
	if bad := decode(&e, value); bad != nil {
		return schemas.Event{}, bad
	}
	if bad := checkWhole(&e, key); bad != nil {
		return schemas.Event{}, bad
	}
	return e, nil
}

const usualEvent = `{ "event_id":"e-1","reason":"stock_out_sale","channel":"shopee","shop_id":10021,"store_sku":"A",
	"merchant_sku":"M","item_id":8,"model_id":0,"available":-41,"promotion_reserved":3,"occurred_at":"2026-11-24T08:15:30.123Z","more":1 } `

func TestFastDecoderReadsTheUsualEvent(t *testing.T) {
	var d Decoder
	e := schemas.Event{}
	for range 2 {
		require.True(t, d.decodeFast(&e, []byte(usualEvent)))
	}
	require.Equal(t, int64(-41), e.Available)
	require.Equal(t, "M", e.MerchantSKU)
	require.Equal(t, time.Date(2026, 11, 24, 8, 15, 30, 123e6, time.UTC), e.OccurredAt)
}

// decodeFast accepts nothing that decodeStrict refuses, and reads the same from it.
func FuzzFastAgreesWithStrict(f *testing.F) {
	key := "shopee/10021/A"
	f.Add(key, usualEvent)
	changes := []string{
		`{}`, `{"a":01}`, `{"a":-}`, `{"a":"\\"}`, `{"a":1.5}`, `{"shop_id":1,"shop_id":2}`, `{"a":{}}x`, `{"a":1,}`, `{"a" : "b"}}`, "{\"a\":\"\xff\"}", "\ufeff{}",
		strings.Replace(usualEvent, "30.123Z", "60Z", 1), strings.Replace(usualEvent, "24T", "31T", 1), strings.Replace(usualEvent, ".123Z", ".Z", 1),
		strings.Replace(usualEvent, ".123Z", ".123456789Z", 1), strings.Replace(usualEvent, ".123Z", "+08:00", 1), strings.Replace(usualEvent, "10021", "010021", 1),
		strings.Replace(usualEvent, "-41", "- 41", 1), strings.Replace(usualEvent, "-41", "-0", 1), strings.Replace(usualEvent, `"A"`, `""`, 1),
		strings.Replace(usualEvent, `"M"`, "\"\xc3\x28\"", 1), strings.Replace(usualEvent, `"M"`, "\"\x7f\"", 1), strings.Replace(usualEvent, `"more":1`, `"more":null`, 1),
	}
	for _, change := range changes {
		f.Add(key, change)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		want, strict := decodeBy(decodeStrict, []byte(key), []byte(value))
		learned := Decoder{}
		require.True(t, learned.decodeFast(&schemas.Event{}, []byte(`{"store_sku":"B","event_id":"e","shop_id":1,"reason":"push_now","item_id":1,`+
			`"available":1,"channel":"shopee","occurred_at":"2026-11-24T08:15:30Z"}`)))
		for _, d := range []*Decoder{{}, &learned} {
			got, err := decodeBy(d.decodeJSON, []byte(key), []byte(value))
			require.Equal(t, strict, err)
			require.Equal(t, want, got)
			fast := schemas.Event{RepeatsOffset: schemas.NoOffset}
			if d.decodeFast(&fast, []byte(value)) {
				slow := schemas.Event{RepeatsOffset: schemas.NoOffset}
				require.Nil(t, decodeStrict(&slow, []byte(value)), "decodeFast accepted what decodeStrict refuses")
				require.Equal(t, slow, fast)
			}
		}
	})
}

// BenchmarkDecodeEventOneWay measures each decoder alone.
func BenchmarkDecodeEventOneWay(b *testing.B) {
	value := []byte(usualEvent)
	b.Run("fast", func(b *testing.B) {
		b.ReportAllocs()
		var d Decoder
		var e schemas.Event
		for b.Loop() {
			if !d.decodeFast(&e, value) {
				b.Fatal("not read")
			}
		}
	})
	b.Run("strict", func(b *testing.B) {
		b.ReportAllocs()
		var e schemas.Event
		for b.Loop() {
			if bad := decodeStrict(&e, value); bad != nil {
				b.Fatal(bad)
			}
		}
	})
}
