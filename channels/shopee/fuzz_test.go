package shopee

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// anything is a server that answers everything with the same bytes.
type anything struct {
	status atomic.Int64
	body   atomic.Pointer[[]byte]
}

func (a *anything) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(int(a.status.Load()))
	_, _ = w.Write(*a.body.Load())
}

const secretOfOurs, tokenOfOurs = "key-of-ours-b41f", "access-token-77aa"

func fuzzedClient(f *testing.F) (*Client, *anything) {
	a := &anything{}
	server := httptest.NewServer(a)
	store := newStore(f)
	_, err := store.Update(f.Context(), testShop, func(context.Context, tokens.Pair) (tokens.Pair, error) {
		return tokens.Pair{AccessToken: tokenOfOurs, RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(1000 * time.Hour)}, nil
	})
	require.NoError(f, err)
	c, err := New(Config{BaseURL: server.URL, PartnerID: 7, PartnerKey: secretOfOurs, Timeout: 10 * time.Second}, Deps{Tokens: store})
	require.NoError(f, err)
	f.Cleanup(func() { server.CloseClientConnections(); server.Close(); c.Close() })
	return c, a
}

var replies = []string{
	`{"response":{"success_list":[{"model_id":1,"stock":9},{"model_id":2,"stock":9}]}}`,
	`{"error":"error_busi_update_stock_failed","message":"no","request_id":"r","response":{"failure_list":[{"model_id":1,"failed_reason":"who knows"}]}}`,
	`{"response":{"model":[{"model_id":1,"stock_info_v2":{"seller_stock":[{"location_id":"a","stock":3}]}}]}}`,
	`{"response":{"item_list":[{"item_id":500,"has_model":false,"stock_info_v2":{"seller_stock":[{"stock":"3"}]}}]}}`,
	`{"request_id":"access-token-77aa","response":{"failure_list":[{"model_id":1,"failed_reason":"no access-token-77aa"}]}}`, `{"error":"e","message":"key-of-ours-b41f"}`,
	`{"error":"error_auth","message":"Invalid access_token."}`, `{"access_token":"a","refresh_token":"b","expire_in":14400}`, `[]`, `null`, ``, `{`, "\xff",
}

// Whatever an answer says, each line has a verdict, nothing is taken for confirmed
// that was not said, nothing is longer than a record may be, and no secret is quoted.
func FuzzAnswers(f *testing.F) {
	c, server := fuzzedClient(f)
	for _, reply := range replies {
		f.Add(200, []byte(reply))
		f.Add(503, []byte(reply))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		server.status.Store(int64(200 + (status%400+400)%400))
		server.body.Store(&body)
		a := c.Push(t.Context(), callOf(line(1, 9), line(2, 9)))
		require.Len(t, a.Verdicts, 2)
		for _, v := range a.Verdicts {
			requireFitting(t, v)
		}
		stocks, v := c.Read(t.Context(), testShop, 500)
		requireFitting(t, v)
		require.True(t, v.Outcome == channels.Confirmed || len(stocks) == 0)
	})
}

func requireFitting(t *testing.T, v channels.Verdict) {
	require.LessOrEqual(t, len(v.Message), schemas.MaxFailureReasonBytes)
	require.LessOrEqual(t, len(v.RequestID), 128)
	require.True(t, utf8.ValidString(v.Message))
	require.NotContains(t, v.Message+v.RequestID, secretOfOurs)
	require.NotContains(t, v.Message+v.RequestID, tokenOfOurs)
	require.True(t, v.Outcome != channels.Confirmed || v.Code == "")
	require.True(t, v.Outcome == channels.Confirmed || v.Code.Class() != "" || v.Outcome == channels.Unknown, "%+v", v)
}

// Whatever a token answer says, the pair can be stored and read again, and is no
// token at all if either is missing.
func FuzzTokenAnswers(f *testing.F) {
	c, server := fuzzedClient(f)
	for _, reply := range replies {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		server.status.Store(200)
		server.body.Store(&body)
		pair, err := c.refreshTokens(t.Context(), testShop, "refresh-1")
		if err != nil {
			require.NotContains(t, err.Error(), secretOfOurs)
			return
		}
		require.NotEmpty(t, pair.AccessToken)
		require.NotEmpty(t, pair.RefreshToken)
		store := newStore(t)
		put(t, store, testShop, pair)
		read, err := store.another().Read(t.Context()).Of(testShop)
		require.NoError(t, err)
		require.Equal(t, pair.ExpiresAt.Unix(), read.ExpiresAt.Unix())
	})
}
