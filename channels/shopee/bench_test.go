package shopee

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/tokens"
)

// benchClients is how many pushes are in flight at once.
const benchClients = 8

func benchClient(b *testing.B) *Client {
	file := filepath.Join(b.TempDir(), "tokens.json")
	s, err := sandbox.New(sandbox.Config{TokensFile: file, MaxCalls: 100})
	require.NoError(b, err)
	server := httptest.NewServer(s)
	c, err := New(
		Config{BaseURL: server.URL, PartnerID: sandbox.DefaultPartnerID, PartnerKey: sandbox.DefaultPartnerKey, Timeout: 10 * time.Second},
		Deps{Tokens: tokens.NewFileStore(file, nil)})
	require.NoError(b, err)
	b.Cleanup(func() { c.Close(); server.Close() })
	return c
}

// benchCall is a call of a number of models.
func benchCall(item, models int64) channels.Call {
	call := channels.Call{ShopID: sandbox.FirstShopID, ItemID: item}
	for model := range models {
		call.Lines = append(call.Lines, channels.Line{ModelID: model + 1, Qty: item})
	}
	return call
}

// BenchmarkPush compares pushes of the client with the same signed calls made by
// a bare net/http client that keeps its connections, in one run: "ratio" is
// pushes a second over bare calls a second.
func BenchmarkPush(b *testing.B) {
	c := benchClient(b)
	pair, err := c.tokens.Read(b.Context()).Of(sandbox.FirstShopID)
	require.NoError(b, err)
	bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	b.Cleanup(bare.CloseIdleConnections)
	push := func(item int64) bool {
		return c.Push(b.Context(), benchCall(item, maxLines)).Verdicts[maxLines-1].Outcome == channels.Confirmed
	}
	call := func(item int64) bool {
		return bareCall(b, bare, c.api.URL(api.Request{Path: api.PathUpdateStock, ShopID: sandbox.FirstShopID, Token: pair.AccessToken}), encode(benchCall(item, maxLines)))
	}
	var pushing, calling time.Duration
	for b.Loop() { // turn and turn about, so that the machine's moods hit both
		pushing += timed(b, push)
		calling += timed(b, call)
	}
	const each = benchClients * benchRound
	b.ReportMetric(float64(b.N*each)/pushing.Seconds(), "pushes/s")
	b.ReportMetric(float64(b.N*each)/calling.Seconds(), "bare-calls/s")
	b.ReportMetric(calling.Seconds()/pushing.Seconds(), "ratio")
}

// benchRound is how many calls each goroutine makes in one turn.
const benchRound = 100

func timed(b *testing.B, do func(item int64) bool) time.Duration {
	begun := time.Now()
	var failed atomic.Bool
	done := make(chan struct{})
	for worker := range int64(benchClients) {
		go func() {
			for range benchRound {
				if !do(worker + 1) {
					failed.Store(true)
				}
			}
			done <- struct{}{}
		}()
	}
	for range benchClients {
		<-done
	}
	require.False(b, failed.Load(), "a call failed")
	return time.Since(begun)
}

// bareCall is what a caller has to do at least: encode, send, read, decode.
func bareCall(b *testing.B, client *http.Client, url string, body any) bool {
	raw, err := json.Marshal(body)
	if err != nil {
		return false
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	var env struct {
		Error string `json:"error"`
	}
	return err == nil && json.Unmarshal(answer, &env) == nil && env.Error == ""
}
