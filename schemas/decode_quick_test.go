package schemas

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// strictly decodes without the quick way.
func strictly(key, value []byte) (Event, error) {
	d := eventDecoder{event: Event{RepeatsOffset: NoOffset}}
	if bad := d.object(value); bad != nil {
		return Event{}, bad
	}
	if bad := d.whole(key); bad != nil {
		return Event{}, bad
	}
	return d.event, nil
}

const plainEvent = `{ "event_id":"e-1","reason":"stock_out_sale","channel":"shopee","shop_id":10021,"store_sku":"A",
	"merchant_sku":"M","item_id":8,"model_id":0,"available":-41,"promotion_reserved":3,"occurred_at":"2026-11-24T08:15:30.123Z","more":1 } `

func TestThePlainEventGoesTheQuickWay(t *testing.T) {
	d := eventDecoder{}
	require.True(t, d.quick([]byte(plainEvent)))
	require.Equal(t, int64(-41), d.event.Available)
}

// The quick way takes nothing that the strict one does not, and the same from it.
func FuzzQuickAgreesWithStrict(f *testing.F) {
	key := "shopee/10021/A"
	f.Add(key, plainEvent)
	for _, change := range []string{`{}`, `{"a":01}`, `{"a":-}`, `{"a":"\\"}`, `{"a":1.5}`, `{"shop_id":1,"shop_id":2}`, `{"a":{}}x`, `{"a":1,}`, `{"a" : "b"}}`} {
		f.Add(key, change)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		want, strict := strictly([]byte(key), []byte(value))
		got, err := DecodeEvent([]byte(key), []byte(value))
		require.Equal(t, want, got)
		require.Equal(t, strict, err)
		d := eventDecoder{event: Event{RepeatsOffset: NoOffset}}
		if d.quick([]byte(value)) {
			s := eventDecoder{event: Event{RepeatsOffset: NoOffset}}
			require.Nil(t, s.object([]byte(value)), "the quick way took what the strict one refuses")
			require.Equal(t, s.event, d.event)
		}
	})
}
