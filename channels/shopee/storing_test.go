package shopee

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/tokens"
)

// shows is what a metric shows.
func shows(t *testing.T, m prometheus.Collector) float64 {
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(m))
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	shown := families[0].GetMetric()[0]
	return shown.GetCounter().GetValue() + shown.GetGauge().GetValue()
}

func (b *syncBuffer) count(text string) int { return strings.Count(b.String(), text) }

func loggingClient(t *testing.T, base string, store tokens.Store) (*Client, *syncBuffer) {
	logged := &syncBuffer{}
	c, err := New(
		Config{BaseURL: base, PartnerID: 7, PartnerKey: "key-of-ours", Timeout: time.Minute},
		Deps{Tokens: store, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	require.NoError(t, err)
	return c, logged
}

// brittleClient has a store that cannot write what Shopee gave, until broken is false.
func brittleClient(t *testing.T) (*Client, *brittleStore, *chain, *syncBuffer) {
	server, first, store := chained(t, 1)
	put(t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(time.Hour)})
	brittle := &brittleStore{fileStore: store}
	brittle.broken.Store(true)
	c, logged := loggingClient(t, baseOf(first), brittle)
	require.NotEqual(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
	return c, brittle, server, logged
}

func stored(t *testing.T, s *brittleStore) tokens.Secret {
	pair, err := s.another().Read(t.Context()).Of(testShop)
	require.NoError(t, err)
	return pair.RefreshToken
}

func TestAPairThatCouldNotBeStoredIsStoredWithoutAPush(t *testing.T) {
	c, brittle, server, logged := brittleClient(t)
	t.Cleanup(c.Close)
	require.InDelta(t, 1, shows(t, c.metrics.unstored), 0)
	require.Equal(t, 1, logged.count("level=ERROR"), logged)
	require.Contains(t, logged.String(), "in memory only")
	require.Eventually(t, func() bool { return shows(t, c.metrics.storeFailures) >= 2 }, 30*time.Second, time.Millisecond, "it is tried again")
	require.Equal(t, tokens.Secret("refresh-1"), stored(t, brittle))
	brittle.broken.Store(false)
	require.Eventually(t, func() bool { return stored(t, brittle) == "refresh-2" }, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return shows(t, c.metrics.unstored) == 0 }, 30*time.Second, time.Millisecond)
	require.Contains(t, logged.String(), "the new tokens are stored")
	require.EqualValues(t, 1, server.refreshes.Load())
	require.NotContains(t, logged.String(), "access-", "no token is logged")
}

func TestCloseTriesOnceMoreToStoreAPair(t *testing.T) {
	c, brittle, _, _ := brittleClient(t)
	brittle.broken.Store(false)
	c.Close()
	require.Equal(t, tokens.Secret("refresh-2"), stored(t, brittle))

	c, brittle, _, logged := brittleClient(t)
	c.Close()
	require.Equal(t, tokens.Secret("refresh-1"), stored(t, brittle))
	require.Contains(t, logged.String(), "the seller must consent again")
}
