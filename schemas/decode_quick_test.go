package schemas

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// byTheRules decodes without the quick way.
func byTheRules(key, value []byte) (Event, error) {
	e := Event{RepeatsOffset: NoOffset}
	if bad := strictly(&e, value); bad != nil {
		return Event{}, bad
	}
	if bad := checkWhole(&e, key); bad != nil {
		return Event{}, bad
	}
	return e, nil
}

const plainEvent = `{ "event_id":"e-1","reason":"stock_out_sale","channel":"shopee","shop_id":10021,"store_sku":"A",
	"merchant_sku":"M","item_id":8,"model_id":0,"available":-41,"promotion_reserved":3,"occurred_at":"2026-11-24T08:15:30.123Z","more":1 } `

func TestThePlainEventGoesTheQuickWay(t *testing.T) {
	var d Decoder
	for range 2 {
		e := Event{}
		require.True(t, d.quick(&e, []byte(plainEvent)))
		require.Equal(t, int64(-41), e.Available)
		require.Equal(t, time.Date(2026, 11, 24, 8, 15, 30, 123e6, time.UTC), e.OccurredAt)
	}
	require.Equal(t, uint8(fieldReason), d.follows[fieldEventID])
}

// The quick way takes nothing that the strict one does not, and the same from
// it, whatever the decoder learned from other producers before.
func FuzzQuickAgreesWithStrict(f *testing.F) {
	key := "shopee/10021/A"
	f.Add(key, plainEvent)
	changes := []string{
		`{}`, `{"a":01}`, `{"a":-}`, `{"a":"\\"}`, `{"a":1.5}`, `{"shop_id":1,"shop_id":2}`, `{"a":{}}x`, `{"a":1,}`, `{"a" : "b"}}`,
		strings.Replace(plainEvent, "30.123Z", "60Z", 1), strings.Replace(plainEvent, "24T", "31T", 1), strings.Replace(plainEvent, ".123Z", ".Z", 1),
		strings.Replace(plainEvent, ".123Z", ".123456789Z", 1), strings.Replace(plainEvent, ".123Z", "+08:00", 1), strings.Replace(plainEvent, "10021", "010021", 1),
		strings.Replace(plainEvent, "-41", "- 41", 1), strings.Replace(plainEvent, "-41", "-0", 1), strings.Replace(plainEvent, `"A"`, `""`, 1),
	}
	for _, change := range changes {
		f.Add(key, change)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		want, strict := byTheRules([]byte(key), []byte(value))
		learned := Decoder{}
		require.True(t, learned.quick(&Event{}, []byte(`{"store_sku":"B","event_id":"e","shop_id":1,"reason":"push_now","item_id":1,"available":1,"channel":"shopee","occurred_at":"2026-11-24T08:15:30Z"}`)))
		for _, d := range []*Decoder{{}, &learned} {
			var got Event
			err := d.Decode(&got, []byte(key), []byte(value))
			require.Equal(t, want, got)
			require.Equal(t, strict, err)
			quick := Event{RepeatsOffset: NoOffset}
			if d.quick(&quick, []byte(value)) {
				slow := Event{RepeatsOffset: NoOffset}
				require.Nil(t, strictly(&slow, []byte(value)), "the quick way took what the strict one refuses")
				require.Equal(t, slow, quick)
			}
		}
	})
}
