package shopee

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// noShop is the verdict of a shop without tokens.
var noShop = channels.Verdict{
	Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop, Message: "there are no tokens of the shop",
}

func TestReadyKnowsShopsWithoutTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	store := tokens.NewFileStore(path, nil)
	c, err := New(Config{BaseURL: "http://127.0.0.1:1", PartnerID: 1, PartnerKey: "k", Timeout: time.Minute}, Deps{Tokens: store})
	require.NoError(t, err)
	_, ready := c.Ready(testShop)
	require.True(t, ready, "nothing was read yet")
	a := c.Push(t.Context(), callOf(line(1, 1)))
	require.Zero(t, a.Calls)
	v, ready := c.Ready(testShop)
	require.False(t, ready)
	require.Equal(t, noShop, v)
	require.Equal(t, v, a.Verdicts[0], "a push gets the same verdict")

	put(t, tokens.NewFileStore(path, nil), testShop, tokens.Pair{AccessToken: "access-1", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)}) // another process
	_, err = store.Read(t.Context()).Of(testShop)
	require.NoError(t, err)
	_, ready = c.Ready(testShop)
	require.True(t, ready, "Read looked at the file")
	_, ready = c.Ready(testShop + 1)
	require.False(t, ready, "of a file that was read, every absent shop is known")
}

func TestReadyWhileTheFileCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"shops":`), 0o600))
	store := tokens.NewFileStore(path, nil)
	c, err := New(Config{BaseURL: "http://127.0.0.1:1", PartnerID: 1, PartnerKey: "k", Timeout: time.Minute}, Deps{Tokens: store})
	require.NoError(t, err)
	_, err = store.Read(t.Context()).Of(testShop)
	require.Error(t, err)
	_, ready := c.Ready(testShop)
	require.True(t, ready, "a file that cannot be read does not say that a shop is lost")
}

func TestReadyAfterARefusedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := tokens.NewFileStore(filepath.Join(t.TempDir(), "tokens.json"), nil)
		c, err := New(Config{BaseURL: "http://127.0.0.1:1", PartnerID: 1, PartnerKey: "k", Timeout: time.Minute}, Deps{Tokens: store})
		require.NoError(t, err)
		put(t, store, 1, tokens.Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Now().Add(time.Minute)})
		put(t, store, 2, tokens.Pair{AccessToken: "a", RefreshToken: "", ExpiresAt: time.Now()})
		refusal := &refreshError{verdict: channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop, Message: "no"}}
		note := func(token tokens.Secret) {
			c.sessions.edit(1, func(n *note) { n.refused, n.refusal, n.refusedAt = token, refusal, time.Now() })
		}
		note("r")
		_, ready := c.Ready(1)
		require.True(t, ready, "the access token still works")
		time.Sleep(time.Minute)
		_, ready = c.Ready(1)
		require.True(t, ready, "the refusal is too old")
		note("r")
		v, ready := c.Ready(1)
		require.False(t, ready)
		require.Equal(t, refusal.verdict, v)
		note("earlier")
		_, ready = c.Ready(1)
		require.True(t, ready, "another refresh token was refused")
		v, ready = c.Ready(2)
		require.False(t, ready, "there is nothing to ask for a new access token with")
		require.Equal(t, noShop, v)
	})
}
