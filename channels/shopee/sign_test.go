package shopee

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/schemas"
)

func TestAnotherPartnerKeySignsFromThenOn(t *testing.T) {
	var refused atomic.Bool
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		signed := sign("another", "7"+r.URL.Path+q.Get("timestamp")+q.Get("access_token")+q.Get("shop_id"))
		if refused.Store(q.Get("sign") != signed); refused.Load() {
			says(403, `{"error":"error_sign","message":"Wrong sign, key-of-ours, another."}`)(w, r)
			return
		}
		says(200, `{"error":"","message":"","request_id":"r","response":{"success_list":[{"model_id":1,"stock":1}],"failure_list":[]}}`)(w, r)
	}, 0)
	require.Equal(t, schemas.SignatureRejected, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Code)
	require.False(t, c.SetPartnerKey("key-of-ours"))
	require.False(t, c.SetPartnerKey(""))
	require.True(t, refused.Load())
	require.True(t, c.SetPartnerKey("another"))
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
	require.True(t, c.SetPartnerKey("third"))
	v := c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0]
	require.Equal(t, schemas.SignatureRejected, v.Code)
	require.NotContains(t, v.Message, "another", "the key before is as secret")
}
