package shopee

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
)

func TestTheBodyIsWrittenAsItIsEncoded(t *testing.T) {
	for _, lines := range [][]channels.Line{
		{line(0, 0)}, {line(7, 41), line(8, 10_000_000)}, {{ModelID: 1, LocationID: `a"b`, Qty: 2}, {ModelID: 1, LocationID: "c", Qty: 3}},
	} {
		want, err := json.Marshal(encode(callOf(lines...)))
		require.NoError(t, err)
		got, err := json.Marshal(bodyOf(callOf(lines...)))
		if raw, done := bodyOf(callOf(lines...)).(encoded); done {
			got = raw
		}
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}

func TestBothWaysToSignAreOne(t *testing.T) {
	s, at := signer{partnerID: 7, key: "key"}, time.Unix(1_700_000_000, 0)
	for _, token := range []Secret{"plain", "with space+&=/ü%"} {
		require.Equal(t, s.shop("/api/v2/x", at, 10001, token).Encode(), s.shopQuery("/api/v2/x", at, 10001, token))
	}
}
