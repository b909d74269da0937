// Package tokenstest is what every store of token pairs must do, for tests.
package tokenstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// Open opens a store once more, as another process does.
type Open func(t *testing.T) tokens.Store

const shop = sandbox.FirstShopID

// soon is how long a store may take to see what another process wrote.
const soon = 30 * time.Second

// Run holds a store to what clients rely on. empty makes a store without pairs.
func Run(t *testing.T, empty func(t *testing.T) Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"a shop without a pair has none":                                    noPair,
		"a pair is there when Update returns, for others soon":              writtenPair,
		"a change that fails changes nothing":                               failedChange,
		"a change that takes time keeps others out, and loses nothing":      exclusive,
		"Watch reports what another process changed":                        watched,
		"two clients refresh once for each expiry":                          refreshedOnce,
		"a new pair is durable before its first use":                        durableFirst,
		"a pair that was spent and not stored is lost, until a new consent": spent,
	} {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
}

// Put stores a pair.
func Put(t *testing.T, s tokens.Store, shopID int64, pair tokens.Pair) {
	t.Helper()
	_, err := s.Update(t.Context(), shopID, func(context.Context, tokens.Pair) (tokens.Pair, error) { return pair, nil })
	require.NoError(t, err)
}

func pair(n int) tokens.Pair {
	return tokens.Pair{AccessToken: tokens.Secret(fmt.Sprintf("access-%d", n)), RefreshToken: tokens.Secret(fmt.Sprintf("refresh-%d", n)), ExpiresAt: time.Unix(2e9, 0).UTC()}
}

func noPair(t *testing.T, open Open) {
	s := open(t)
	_, err := s.Read(t.Context()).Of(shop)
	require.ErrorIs(t, err, tokens.ErrMissing)
	shops, err := s.Read(t.Context()).Shops()
	require.NoError(t, err)
	require.Empty(t, shops)
	_, err = s.Update(t.Context(), shop, func(_ context.Context, held tokens.Pair) (tokens.Pair, error) {
		require.Zero(t, held)
		return tokens.Pair{}, tokens.ErrMissing
	})
	require.ErrorIs(t, err, tokens.ErrMissing)
}

func writtenPair(t *testing.T, open Open) {
	mine, other := open(t), open(t)
	_, err := other.Read(t.Context()).Of(shop)
	require.ErrorIs(t, err, tokens.ErrMissing)
	for n := range 3 {
		Put(t, mine, shop, pair(n))
		got, err := mine.Read(t.Context()).Of(shop)
		require.NoError(t, err)
		require.Equal(t, pair(n), got)
		require.Eventually(t, func() bool { got, err := other.Read(t.Context()).Of(shop); return err == nil && got == pair(n) }, soon, time.Millisecond)
	}
	Put(t, other, shop+1, pair(7))
	shops, err := other.Read(t.Context()).Shops()
	require.NoError(t, err)
	require.Equal(t, []int64{shop, shop + 1}, shops)
	again := open(t)
	got, err := again.Read(t.Context()).Of(shop)
	require.NoError(t, err)
	require.Equal(t, pair(2), got)
}

func failedChange(t *testing.T, open Open) {
	s := open(t)
	Put(t, s, shop, pair(1))
	for _, cause := range []error{tokens.ErrRefused, errors.New("something else")} {
		_, err := s.Update(t.Context(), shop, func(_ context.Context, held tokens.Pair) (tokens.Pair, error) {
			require.Equal(t, pair(1), held)
			return pair(2), fmt.Errorf("wrapped: %w", cause)
		})
		require.ErrorIs(t, err, cause)
	}
	for _, s := range []tokens.Store{s, open(t)} {
		got, err := s.Read(t.Context()).Of(shop)
		require.NoError(t, err)
		require.Equal(t, pair(1), got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Update(ended, shop, func(context.Context, tokens.Pair) (tokens.Pair, error) { return pair(3), nil })
	require.Error(t, err)
}

func exclusive(t *testing.T, open Open) {
	const turns = 20
	stores := []tokens.Store{open(t), open(t), open(t)}
	Put(t, stores[0], shop, Numbered(0))
	var all sync.WaitGroup
	for i, s := range stores {
		for range turns {
			all.Go(func() {
				_, err := s.Update(t.Context(), shop, func(_ context.Context, held tokens.Pair) (tokens.Pair, error) {
					n, err := Number(held)
					return Numbered(n + 1), err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() { // another shop's pairs, meanwhile
			_, err := s.Update(t.Context(), shop+1+int64(i), func(context.Context, tokens.Pair) (tokens.Pair, error) { return pair(i), nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	last := open(t)
	got, err := last.Read(t.Context()).Of(shop)
	require.NoError(t, err)
	n, err := Number(got)
	require.NoError(t, err)
	require.Equal(t, turns*len(stores), n)
	shops, err := last.Read(t.Context()).Shops()
	require.NoError(t, err)
	require.Len(t, shops, 1+len(stores))
}

func watched(t *testing.T, open Open) {
	mine, other := open(t), open(t)
	Put(t, mine, shop, pair(0))
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan int64, 100), make(chan error, 1)
	go func() { done <- tokens.Watch(ctx, mine, func(shopID int64) { changed <- shopID }) }()
	for n := 1; ; n++ { // Watch may begin after the first change
		Put(t, other, shop+5, pair(n))
		select {
		case shopID := <-changed:
			if shopID != shop+5 {
				continue
			}
		case <-time.After(time.Second):
			require.Less(t, n, 30)
			continue
		}
		break
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

// market is a sandbox, with the pairs of its first shop in a store.
type market struct {
	sandbox *sandbox.Sandbox
	server  *httptest.Server
}

// newMarket asks before each call to the sandbox, if before is given.
func newMarket(t *testing.T, store tokens.Store, before func(*http.Request)) *market {
	s, err := sandbox.New(sandbox.Config{Shops: 1})
	require.NoError(t, err)
	m := &market{sandbox: s}
	m.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(r)
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(m.server.Close)
	m.consent(t, store, "first")
	return m
}

func (m *market) consent(t *testing.T, store tokens.Store, code string) {
	require.NoError(t, m.client(t, store).Exchange(t.Context(), code, shop))
}

func (m *market) client(t *testing.T, store tokens.Store) *shopee.Client {
	c, err := shopee.New(
		shopee.Config{BaseURL: m.server.URL, PartnerID: sandbox.DefaultPartnerID, PartnerKey: sandbox.DefaultPartnerKey, Timeout: 30 * time.Second},
		shopee.Deps{Tokens: store})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func push(ctx context.Context, c *shopee.Client, qty int64) channels.Verdict {
	return c.Push(ctx, channels.Call{ShopID: shop, ItemID: 1, Lines: []channels.Line{{ModelID: 1, Qty: qty}}}).Verdicts[0]
}

func refreshedOnce(t *testing.T, open Open) {
	stores := []tokens.Store{open(t), open(t)}
	m := newMarket(t, stores[0], nil)
	require.Eventually(t, func() bool { _, err := stores[1].Read(t.Context()).Of(shop); return err == nil }, soon, time.Millisecond)
	clients := []*shopee.Client{m.client(t, stores[0]), m.client(t, stores[1])}
	handed := len(m.sandbox.Refreshes(shop))
	for expiry := range 5 {
		require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
		var pushes sync.WaitGroup
		for n := range int64(20) {
			pushes.Go(func() {
				if v := push(t.Context(), clients[n%2], n); v.Outcome != channels.Confirmed {
					t.Errorf("push: %+v", v)
				}
			})
		}
		pushes.Wait()
		require.Len(t, m.sandbox.Refreshes(shop), handed+expiry+1, "one refresh for each expiry")
	}
	require.Zero(t, m.sandbox.Stats().RefusedRefreshes, "no refresh token is spent twice")
}

func durableFirst(t *testing.T, open Open) {
	store := open(t)
	var mu sync.Mutex
	used := map[string]bool{}
	m := newMarket(t, store, func(r *http.Request) {
		token := r.URL.Query().Get("access_token")
		mu.Lock()
		defer mu.Unlock()
		if token == "" || used[token] {
			return
		}
		used[token] = true
		got, err := open(t).Read(context.Background()).Of(shop) // a process that starts now
		if err != nil || got.AccessToken.Reveal() != token {
			t.Errorf("token %d is used and not durable: %v", len(used), err)
		}
	})
	c := m.client(t, store)
	for qty := range int64(5) {
		require.Equal(t, channels.Confirmed, push(t.Context(), c, qty).Outcome)
		require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
	}
	require.Len(t, used, 5)
}

// spent is what a process that dies after Shopee took its refresh token, and
// before the new pair was stored, leaves behind.
func spent(t *testing.T, open Open) {
	store := open(t)
	m := newMarket(t, store, nil)
	before, err := store.Read(t.Context()).Of(shop)
	require.NoError(t, err)
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
	require.Equal(t, channels.Confirmed, push(t.Context(), m.client(t, store), 1).Outcome)
	require.NoError(t, m.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
	Put(t, store, shop, before)
	c := m.client(t, open(t))
	lost := push(t.Context(), c, 2)
	require.Equal(t, schemas.AuthorizationLost, lost.Code, lost.Message)
	require.Equal(t, channels.ScopeShop, lost.Scope)
	m.consent(t, store, "second")
	require.Eventually(t, func() bool { return push(t.Context(), c, 3).Outcome == channels.Confirmed }, soon, 10*time.Millisecond)
}

// Numbered is a pair that knows its number, long enough to be cut in half.
func Numbered(n int) tokens.Pair {
	p := pair(n)
	p.AccessToken += tokens.Secret(strings.Repeat("x", 2048))
	return p
}

// Number is a Numbered pair's, if it is whole.
func Number(p tokens.Pair) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(p.RefreshToken.Reveal(), "refresh-"))
	if err == nil && p != Numbered(n) {
		err = errors.New("half of two pairs")
	}
	return n, err
}

// Write replaces a pair for ever and says which one it holds durably: the work
// of a process that KilledAfter kills.
func Write(t *testing.T, s tokens.Store) {
	for {
		p, err := s.Update(t.Context(), shop, func(_ context.Context, held tokens.Pair) (tokens.Pair, error) {
			n, err := Number(held)
			return Numbered(n + 1), err
		})
		require.NoError(t, err)
		n, err := Number(p)
		require.NoError(t, err)
		fmt.Println("durable", n)
	}
}

// Killed holds a store to surviving processes that are killed at any point of
// Write. Writer is the test that a child process runs, with the variable set.
func Killed(t *testing.T, open Open, writer, variable string) {
	Put(t, open(t), shop, Numbered(0))
	for kill := range 20 {
		told := killedAfter(t, writer, variable, 1+kill%4, time.Duration(kill*97)*time.Microsecond)
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		p, err := open(t).Update(ctx, shop, func(_ context.Context, held tokens.Pair) (tokens.Pair, error) { return held, nil })
		cancel()
		require.NoError(t, err, "the lock of a process that died is free")
		n, err := Number(p)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, told, "a pair that was reported durable is gone")
	}
}

// killedAfter runs a writer, kills it a while after it told of some pairs, and
// returns the newest that it told.
func killedAfter(t *testing.T, writer, variable string, pairs int, while time.Duration) (told int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+writer+"$")
	child.Env = append(os.Environ(), variable)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for said := 0; lines.Scan(); {
		n, ok := strings.CutPrefix(lines.Text(), "durable ")
		if !ok {
			continue
		}
		told, err = strconv.Atoi(n)
		require.NoError(t, err)
		if said++; said == pairs {
			time.AfterFunc(while, func() { _ = child.Process.Kill() })
		}
	}
	require.Error(t, child.Wait(), "it was killed")
	require.Positive(t, told)
	return told
}
