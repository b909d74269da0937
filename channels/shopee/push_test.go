package shopee

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

const testShop = 10001

// baseOf is the server that a client calls.
func baseOf(c *Client) string {
	base, _, _ := strings.Cut(c.ConsentURL(""), "/api/")
	return base
}

// fileStore is a store whose file the test knows.
type fileStore struct {
	*tokens.FileStore
	path string
}

func newStore(t testing.TB) *fileStore {
	path := filepath.Join(t.TempDir(), "tokens.json")
	return &fileStore{tokens.NewFileStore(path, nil), path}
}

// another is the store as another process has it.
func (s *fileStore) another() *tokens.FileStore { return tokens.NewFileStore(s.path, nil) }

// clientOf makes a client of a server that answers as handle says, with tokens
// of testShop that last for hours. A timeout of 0 is one that no test reaches.
func clientOf(t *testing.T, handle http.HandlerFunc, timeout time.Duration) *Client {
	t.Helper()
	return clientWith(t, handle, timeout, nil)
}

func clientWith(t *testing.T, handle http.HandlerFunc, timeout time.Duration, registry prometheus.Registerer) *Client {
	t.Helper()
	server := httptest.NewServer(handle)
	store := newStore(t)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-1", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(4 * time.Hour)})
	c, err := New(Config{BaseURL: server.URL, PartnerID: 7, PartnerKey: "key-of-ours", Timeout: cmp.Or(timeout, time.Minute)}, Deps{Tokens: store, Registerer: registry})
	require.NoError(t, err)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); c.Close() })
	return c
}

func put(t *testing.T, store tokens.Store, shopID int64, pair tokens.Pair) {
	t.Helper()
	_, err := store.Update(t.Context(), shopID, func(context.Context, tokens.Pair) (tokens.Pair, error) { return pair, nil })
	require.NoError(t, err)
}

func TestRefusalsThatNoRuleKnowsAreCountedAndKeepTheirWords(t *testing.T) {
	for body, want := range map[string]float64{
		`{"error":"error_never_seen","message":"who knows"}`:                                                                         1,
		`{"response":{"failure_list":[{"model_id":1,"failed_reason":"who knows"},{"model_id":2,"failed_reason":"who knows"}]}}`:      2,
		`{"error":"error_busi_update_stock_failed","response":{"failure_list":[{"model_id":1,"failed_reason":"who knows"}]}}`:        1,
		`{"error":"error_item_not_found","message":"Product not found"}`:                                                             0,
		`{"response":{"success_list":[{"model_id":1,"stock":9},{"model_id":2,"stock":9}]}}`:                                          0,
		`{"response":{"failure_list":[{"model_id":1,"failed_reason":"model ID not exist in sku"}],"success_list":[{"model_id":2}]}}`: 0,
	} {
		registry := prometheus.NewRegistry()
		c := clientWith(t, says(200, body), 0, registry)
		a := c.Push(t.Context(), callOf(line(1, 1), line(2, 1)))
		families, err := registry.Gather()
		require.NoError(t, err)
		counted := map[string]float64{}
		for _, f := range families {
			counted[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
		require.InDelta(t, want, counted["stockpush_shopee_unknown_refusals_total"], 0, body)
		if want > 0 {
			require.Contains(t, a.Verdicts[0].Message, "who knows")
		}
	}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// sign is the signature as Shopee's documents have it.
func sign(key, base string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(base))
	return hex.EncodeToString(mac.Sum(nil))
}

func line(modelID, qty int64) channels.Line { return channels.Line{ModelID: modelID, Qty: qty} }

func callOf(lines ...channels.Line) channels.Call {
	return channels.Call{ShopID: testShop, ItemID: 5, Lines: lines}
}

func TestEachLineHasItsOwnVerdict(t *testing.T) {
	here, there := channels.Line{ModelID: 1, LocationID: "A", Qty: 3}, channels.Line{ModelID: 1, LocationID: "B", Qty: 4}
	confirmed, unknown, refused := channels.Confirmed, channels.Unknown, channels.Refused
	for name, c := range map[string]struct {
		answer string
		lines  []channels.Line
		want   []channels.Outcome
		codes  []schemas.FailureCode
	}{
		"rows are matched by model, not by position": {
			`{"response":{"success_list":[{"model_id":2,"stock":20},{"model_id":"1","stock":"10"}]}}`,
			[]channels.Line{line(1, 10), line(2, 20)}, []channels.Outcome{confirmed, confirmed}, []schemas.FailureCode{"", ""},
		},
		"a row without model is of an item without models": {
			`{"response":{"success_list":[{"stock":10}]}}`, []channels.Line{line(0, 10)}, []channels.Outcome{confirmed}, []schemas.FailureCode{""},
		},
		"a row without model is of no model": {
			`{"response":{"success_list":[{"stock":10}]}}`, []channels.Line{line(1, 10)}, []channels.Outcome{unknown}, []schemas.FailureCode{schemas.UnknownFailure},
		},
		"good and bad model": {
			`{"error":"","response":{"success_list":[{"model_id":1,"stock":1}],"failure_list":[{"model_id":2,"failed_reason":"model ID not exist in sku"}]}}`,
			[]channels.Line{line(1, 1), line(2, 1), line(3, 1)}, []channels.Outcome{confirmed, refused, unknown},
			[]schemas.FailureCode{"", schemas.ModelNotFound, schemas.UnknownFailure},
		},
		"the batch's error has its reasons in the list": {
			`{"error":"product.error_busi_update_stock_failed","response":{"failure_list":[{"model_id":1,"failed_reason":"larger than 9 (reserve stock number)"}]}}`,
			[]channels.Line{line(1, 1), line(2, 1)}, []channels.Outcome{refused, unknown},
			[]schemas.FailureCode{schemas.BelowPromotionReserve, schemas.UnknownFailure},
		},
		"another quantity than was sent": {
			`{"response":{"success_list":[{"model_id":1,"stock":9}]}}`, []channels.Line{line(1, 10)}, []channels.Outcome{unknown}, []schemas.FailureCode{schemas.UnknownFailure},
		},
		"a quantity left out is zero": {
			`{"response":{"success_list":[{"model_id":1},{"model_id":2}]}}`, []channels.Line{line(1, 0), line(2, 5)},
			[]channels.Outcome{confirmed, unknown}, []schemas.FailureCode{"", schemas.UnknownFailure},
		},
		"done and failed at once": {
			`{"response":{"success_list":[{"model_id":1,"stock":1}],"failure_list":[{"model_id":1,"failed_reason":"no"}]}}`,
			[]channels.Line{line(1, 1)}, []channels.Outcome{unknown}, []schemas.FailureCode{schemas.UnknownFailure},
		},
		"several locations": {
			`{"response":{"success_list":[{"model_id":1,"location_id":"B","stock":4},{"model_id":1,"location_id":"A","stock":3}]}}`,
			[]channels.Line{here, there}, []channels.Outcome{confirmed, confirmed}, []schemas.FailureCode{"", ""},
		},
		"one location of two": {
			`{"response":{"success_list":[{"model_id":1,"location_id":"B","stock":4}]}}`,
			[]channels.Line{here, there}, []channels.Outcome{unknown, confirmed}, []schemas.FailureCode{schemas.UnknownFailure, ""},
		},
		"an unreadable list": {
			`{"response":{"success_list":"yes"}}`, []channels.Line{line(1, 1)}, []channels.Outcome{unknown}, []schemas.FailureCode{schemas.ChannelUnavailable},
		},
		"no response": {`{"error":""}`, []channels.Line{line(1, 1)}, []channels.Outcome{unknown}, []schemas.FailureCode{schemas.UnknownFailure}},
	} {
		t.Run(name, func(t *testing.T) {
			a := clientOf(t, says(http.StatusOK, c.answer), 0).Push(t.Context(), callOf(c.lines...))
			require.Equal(t, 1, a.Calls)
			require.Equal(t, c.codes[0] == schemas.ChannelUnavailable, a.Failure)
			for i := range c.lines {
				require.Equal(t, c.want[i], a.Verdicts[i].Outcome, "line %d: %+v", i, a.Verdicts[i])
				require.Equal(t, c.codes[i], a.Verdicts[i].Code, "line %d: %+v", i, a.Verdicts[i])
			}
		})
	}
}

func TestThePushIsSignedAndGroupedByModel(t *testing.T) {
	bodies := make(chan updateStock, 1)
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		want := sign("key-of-ours", "7"+r.URL.Path+q.Get("timestamp")+"access-1"+"10001")
		var body updateStock
		if json.NewDecoder(r.Body).Decode(&body) == nil && q.Get("sign") == want {
			bodies <- body
		}
	}, 0)
	c.Push(t.Context(), callOf(channels.Line{ModelID: 1, LocationID: "A", Qty: 3}, line(2, 0), channels.Line{ModelID: 1, LocationID: "B", Qty: 4}))
	require.Equal(t, updateStock{5, []modelStock{{1, []sellerStock{{"A", 3}, {"B", 4}}}, {2, []sellerStock{{"", 0}}}}}, <-bodies)
}

func TestBrokenAnswersAreUnknownAndFailures(t *testing.T) {
	for name, c := range map[string]struct {
		handle  http.HandlerFunc
		code    schemas.FailureCode
		outcome channels.Outcome
		failure bool
	}{
		"outage":          {says(503, "<html>"), schemas.ChannelUnavailable, channels.Unknown, true},
		"outage in words": {says(500, `{"error":"error_server","message":"Something wrong. Please try later."}`), schemas.ChannelUnavailable, channels.Unknown, true},
		"garbage":         {says(200, "<html>"), schemas.ChannelUnavailable, channels.Unknown, true},
		"empty body":      {says(200, ""), schemas.ChannelUnavailable, channels.Unknown, true},
		"too long":        {says(200, strings.Repeat(" ", 5<<20)), schemas.ChannelUnavailable, channels.Unknown, true},
		"cut":             {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, schemas.ChannelUnavailable, channels.Unknown, true},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/else", http.StatusTemporaryRedirect)
		}, schemas.ChannelUnavailable, channels.Unknown, true},
		"hang":               {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, schemas.TimedOut, channels.Unknown, true},
		"throttle by status": {says(429, "slow"), schemas.RateLimited, channels.Refused, false},
		"throttle in words":  {says(200, `{"error":"error_rate_limit","message":"x"}`), schemas.RateLimited, channels.Refused, false},
		"refusal":            {says(403, `{"error":"error_sign","message":"Wrong sign."}`), schemas.SignatureRejected, channels.Refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := time.Minute
			if name == "hang" {
				timeout = 300 * time.Millisecond
			}
			a := clientOf(t, drained(c.handle), timeout).Push(t.Context(), callOf(line(1, 1)))
			require.Equal(t, c.code, a.Verdicts[0].Code, "%+v", a.Verdicts[0])
			require.Equal(t, c.outcome, a.Verdicts[0].Outcome)
			require.Equal(t, c.failure, a.Failure)
			require.NotContains(t, a.Verdicts[0].Message, "access-1")
			require.NotEmpty(t, a.Verdicts[0].Message)
		})
	}
}

// drained reads the request's body first: only then does net/http notice that a client left.
func drained(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		handle(w, r)
	}
}

func TestARefusedConnectionAppliedNothing(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	store := tokens.NewFileStore(filepath.Join(t.TempDir(), "tokens.json"), nil)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-1", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	c, err := New(Config{BaseURL: server.URL, PartnerID: 7, PartnerKey: "k", Timeout: time.Minute}, Deps{Tokens: store})
	require.NoError(t, err)
	a := c.Push(t.Context(), callOf(line(1, 1)))
	require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	require.Equal(t, schemas.ChannelUnavailable, a.Verdicts[0].Code)
	require.True(t, a.Failure)
	require.NotContains(t, a.Verdicts[0].Message, "access")
}

func TestACancelledPushIsNoFailureOfTheChannel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := clientOf(t, drained(func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }), 0)
	a := c.Push(ctx, callOf(line(1, 1)))
	require.Equal(t, channels.Unknown, a.Verdicts[0].Outcome)
	require.False(t, a.Failure)
}

func TestARetryAfterHoldsTheShop(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "30"); w.WriteHeader(429) }, 0)
	v := c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0]
	require.WithinDuration(t, time.Now().Add(30*time.Second), v.HoldUntil, 5*time.Second)
}

func TestSecretsInShopeesWordsAreTakenOut(t *testing.T) {
	c := clientOf(t, says(200, `{"error":"error_param","message":"bad access-1 of key-of-ours"}`), 0)
	require.Equal(t, "error_param: bad [redacted] of [redacted]", c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Message)
}

func TestASecretInTheRequestIDIsTakenOut(t *testing.T) {
	c := clientOf(t, says(200, `{"error":"","request_id":"of access-1","response":{"success_list":[{"model_id":1,"stock":1}],"failure_list":[]}}`), 0)
	v := c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0]
	require.Equal(t, channels.Verdict{Outcome: channels.Confirmed, Qty: 1, RequestID: "of [redacted]"}, v)
}

func TestACallThatCannotBeSentIsNotSent(t *testing.T) {
	c := clientOf(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") }, 0)
	for _, lines := range [][]channels.Line{{line(1, 1), line(1, 2)}, make([]channels.Line, maxLines+1)} {
		a := c.Push(t.Context(), callOf(lines...))
		require.Len(t, a.Verdicts, len(lines))
		require.Zero(t, a.Calls)
		require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	}
}
