package shopee

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// chain is a server with one chain of tokens: a refresh token works once.
type chain struct {
	mu        sync.Mutex
	turn      int
	refreshes atomic.Int64
	pushes    atomic.Int64
	// dead says that Shopee takes no token any more.
	dead atomic.Bool
}

func (c *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.URL.Path != api.PathRefresh {
		c.pushes.Add(1)
		if c.dead.Load() || r.URL.Query().Get("access_token") != fmt.Sprintf("access-%d", c.turn) {
			says(403, `{"error":"invalid_acceess_token","message":"Invalid access_token."}`)(w, r)
			return
		}
		says(200, `{"response":{"success_list":[{"model_id":1,"stock":1}]}}`)(w, r)
		return
	}
	c.refreshes.Add(1)
	body, _ := io.ReadAll(r.Body)
	if c.dead.Load() || !strings.Contains(string(body), fmt.Sprintf(`"refresh-%d"`, c.turn)) {
		says(403, `{"error":"error_auth","message":"Invalid refresh_token."}`)(w, r)
		return
	}
	c.turn++
	says(200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%d","expire_in":14400}`, c.turn, c.turn))(w, r)
}

func chained(t *testing.T, turn int) (*chain, *Client, *fileStore) {
	s := &chain{turn: turn}
	c := clientOf(t, s.ServeHTTP, 0)
	return s, c, c.tokens.(*fileStore)
}

func TestARefusedTokenIsRefreshedOnceAndThePushRepeated(t *testing.T) {
	server, c, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	var pushes sync.WaitGroup
	for range 20 {
		pushes.Go(func() {
			a := c.Push(t.Context(), callOf(line(1, 1)))
			if a.Verdicts[0].Outcome != channels.Confirmed {
				t.Errorf("push: %+v", a)
			}
		})
	}
	pushes.Wait()
	require.EqualValues(t, 1, server.refreshes.Load())
	pair, err := store.another().Read(t.Context()).Of(testShop)
	require.NoError(t, err)
	require.Equal(t, tokens.Secret("refresh-2"), pair.RefreshToken)
	info, err := os.Stat(store.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestARefreshIsWaitedForLongerThanThePushThatAskedForIt(t *testing.T) {
	chain := &chain{turn: 1}
	slow := make(chan struct{})
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathRefresh {
			<-slow
		}
		chain.ServeHTTP(w, r)
	}, 100*time.Millisecond)
	put(t, c.tokens.(*fileStore), testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	a := c.Push(t.Context(), callOf(line(1, 1)))
	require.Equal(t, schemas.TimedOut, a.Verdicts[0].Code)
	close(slow)
	require.Eventually(t, func() bool {
		return c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome == channels.Confirmed
	}, 30*time.Second, 10*time.Millisecond)
	require.EqualValues(t, 1, chain.refreshes.Load())
}

// The caller may lose its partition, or wake after it did, while a token is refreshed.
func TestARepeatIsNotSentForWhoMayNotPushAnyMore(t *testing.T) {
	server, c, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	call := callOf(line(1, 1))
	call.Alive = func() bool { return server.refreshes.Load() == 0 }
	a := c.Push(t.Context(), call)
	require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	require.Equal(t, 1, a.Calls)
	require.EqualValues(t, 1, server.refreshes.Load())
	require.EqualValues(t, 1, server.pushes.Load(), "the one that was refused")
	call.Alive = nil
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), call).Verdicts[0].Outcome)
}

func TestATokenIsRefreshedBeforeItEnds(t *testing.T) {
	server, c, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-1", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(4 * time.Minute)})
	require.Equal(t, 1, c.Push(t.Context(), callOf(line(1, 1))).Calls)
	require.EqualValues(t, 1, server.refreshes.Load())
	require.EqualValues(t, 1, server.pushes.Load())
}

func TestALostChainIsAuthorizationLostUntilTheFileHasAnother(t *testing.T) {
	server, c, store := chained(t, 5)
	for range 3 {
		a := c.Push(t.Context(), callOf(line(1, 1)))
		require.Equal(t, schemas.AuthorizationLost, a.Verdicts[0].Code)
		require.Equal(t, channels.ScopeShop, a.Verdicts[0].Scope)
		require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
		require.False(t, a.Failure)
	}
	require.EqualValues(t, 1, server.refreshes.Load(), "a refused refresh token is not tried again for a while")
	put(t, store.another(), testShop, tokens.Pair{AccessToken: "access-5", RefreshToken: "refresh-5", ExpiresAt: time.Now().Add(time.Hour)})
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
}

func TestAShopWithoutTokensIsNotAsked(t *testing.T) {
	server, c, _ := chained(t, 1)
	a := c.Push(t.Context(), channels.Call{ShopID: 9, ItemID: 1, Lines: []channels.Line{line(1, 1)}})
	require.Zero(t, a.Calls)
	require.Equal(t, schemas.AuthorizationLost, a.Verdicts[0].Code)
	require.Zero(t, server.pushes.Load())
}

func TestTwoProcessesSpendARefreshTokenOnce(t *testing.T) {
	server, c, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	other, err := New(Config{BaseURL: baseOf(c), PartnerID: 7, PartnerKey: "key-of-ours", Timeout: time.Minute}, Deps{Tokens: store.another()})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	var pushes sync.WaitGroup
	for _, client := range []*Client{c, other, c, other} {
		pushes.Go(func() {
			if a := client.Push(t.Context(), callOf(line(1, 1))); a.Verdicts[0].Outcome != channels.Confirmed {
				t.Errorf("push: %+v", a)
			}
		})
	}
	pushes.Wait()
	require.EqualValues(t, 1, server.refreshes.Load())
}

// brittleStore cannot write for a while.
type brittleStore struct {
	*fileStore
	broken atomic.Bool
}

func (s *brittleStore) Update(ctx context.Context, shopID int64, change tokens.Change) (tokens.Pair, error) {
	return s.fileStore.Update(ctx, shopID, func(ctx context.Context, held tokens.Pair) (tokens.Pair, error) {
		next, err := change(ctx, held)
		if err == nil && s.broken.Load() {
			return tokens.Pair{}, errors.New("no space left")
		}
		return next, err
	})
}

func TestAPairThatCannotBeStoredIsNotUsedAndNotLost(t *testing.T) {
	server, first, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	brittle := &brittleStore{fileStore: store}
	brittle.broken.Store(true)
	c, err := New(Config{BaseURL: baseOf(first), PartnerID: 7, PartnerKey: "key-of-ours", Timeout: time.Minute}, Deps{Tokens: brittle})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Equal(t, schemas.ChannelUnavailable, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Code)
	require.EqualValues(t, 1, server.pushes.Load(), "the new token was used before it was durable")
	brittle.broken.Store(false)
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
	require.EqualValues(t, 1, server.refreshes.Load())
}

func TestWatchTellsOfAnotherProcessesChange(t *testing.T) {
	_, c, store := chained(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan int64, 8), make(chan error, 1)
	go func() { done <- tokens.Watch(ctx, c.tokens, func(shopID int64) { changed <- shopID }) }()
	other := store.another()
	turn := 0
	require.Eventually(t, func() bool { // Watch may begin after the first change
		turn++
		put(t, other, 77, tokens.Pair{AccessToken: "x", RefreshToken: tokens.Secret(fmt.Sprint(turn)), ExpiresAt: time.Unix(2e9, 0)})
		select {
		case shopID := <-changed:
			return shopID == 77
		default:
			return false
		}
	}, 10*time.Second, 200*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	pair, err := store.Read(t.Context()).Of(77)
	require.NoError(t, err)
	require.Equal(t, tokens.Secret("x"), pair.AccessToken)
}

func TestExpireInIsADurationOrATime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	require.Equal(t, now.Add(4*time.Hour).UTC(), tokenAnswer{ExpireIn: 14400}.pair(now).ExpiresAt)
	require.Equal(t, time.Unix(1_700_009_999, 0).UTC(), tokenAnswer{ExpireIn: 1_700_009_999}.pair(now).ExpiresAt)
	require.Equal(t, now.Add(defaultLife).UTC(), tokenAnswer{}.pair(now).ExpiresAt)
}
