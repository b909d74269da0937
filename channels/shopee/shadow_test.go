package shopee

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

func TestShadowUsesTokensAndSendsNoPush(t *testing.T) {
	s, c, store := chained(t, 1)
	c.shadow = true
	put(t, store, testShop, tokens.Pair{AccessToken: "access-1", RefreshToken: "refresh-1", ExpiresAt: time.Now()})
	a := c.Push(t.Context(), callOf(line(1, 4), line(2, 5)))
	require.Equal(t, []channels.Verdict{
		{Outcome: channels.Confirmed, Qty: 4, RequestID: schemas.ShadowRequestID, Shadow: true},
		{Outcome: channels.Confirmed, Qty: 5, RequestID: schemas.ShadowRequestID, Shadow: true},
	}, a.Verdicts)
	require.Equal(t, int64(1), s.refreshes.Load(), "its token had expired")
	require.Zero(t, s.pushes.Load())

	s.dead.Store(true)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-2", RefreshToken: "refresh-2", ExpiresAt: time.Now()})
	a = c.Push(t.Context(), callOf(line(1, 4)))
	require.Equal(t, schemas.AuthorizationLost, a.Verdicts[0].Code)
	require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	require.Zero(t, s.pushes.Load())
}

func TestShadowThatMayNotPushSaysSo(t *testing.T) {
	_, c, _ := chained(t, 1)
	c.shadow = true
	call := callOf(line(1, 4))
	call.Alive = func() bool { return false }
	a := c.Push(t.Context(), call)
	require.Equal(t, channels.Refused, a.Verdicts[0].Outcome)
	require.Zero(t, a.Calls)
}
