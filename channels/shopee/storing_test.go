package shopee

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
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

func loggingClient(t *testing.T, base string, store TokenStore) (*Client, *syncBuffer) {
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
	put(t, store, testShop, TokenPair{"access-0", "refresh-1", time.Now().Add(time.Hour)})
	brittle := &brittleStore{FileStore: store}
	brittle.broken.Store(true)
	c, logged := loggingClient(t, first.base, brittle)
	require.NotEqual(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
	return c, brittle, server, logged
}

func stored(t *testing.T, s *brittleStore) Secret {
	pair, err := NewFileStore(s.path, nil).Load(t.Context(), testShop)
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
	require.Equal(t, Secret("refresh-1"), stored(t, brittle))
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
	require.Equal(t, Secret("refresh-2"), stored(t, brittle))

	c, brittle, _, logged := brittleClient(t)
	c.Close()
	require.Equal(t, Secret("refresh-1"), stored(t, brittle))
	require.Contains(t, logged.String(), "the seller must consent again")
}

func TestTheRoomOfANewPairIsProvenAndLeftAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	long := TokenPair{Secret(strings.Repeat("a", maxTokenBytes)), Secret(strings.Repeat("r", maxTokenBytes)), time.Unix(2e9, 0).UTC()}
	for shop := range int64(3) {
		doc, err := parseTokens([]byte(`{"shops":[]}`))
		require.NoError(t, err)
		if shop > 0 {
			doc, err = readTokens(path)
			require.NoError(t, err)
		}
		tmp, err := reserve(path, doc, 1+shop)
		require.NoError(t, err)
		info, err := tmp.Stat()
		require.NoError(t, err)
		require.Equal(t, fileMode, info.Mode().Perm())
		want, err := doc.with(1+shop, long)
		require.NoError(t, err)
		require.GreaterOrEqual(t, info.Size(), int64(len(want)))
		discard(tmp)
		put(t, NewFileStore(path, nil), 1+shop, TokenPair{"a", "r", time.Unix(2e9, 0)})
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Less(t, len(text), 1000, "nothing of the reserve is left")
	}
}

func TestAFileThatOthersMayReadIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	for mode, warned := range map[os.FileMode]int{0o600: 0, 0o400: 0, 0o640: 1, 0o644: 1, 0o602: 1} {
		require.NoError(t, os.WriteFile(path, []byte(`{"shops":[]}`), mode))
		require.NoError(t, os.Chmod(path, mode))
		var logged bytes.Buffer
		s := NewFileStore(path, slog.New(slog.NewTextHandler(&logged, nil)))
		for range 3 {
			_, err := s.Shops(t.Context())
			require.NoError(t, err)
			_, err = s.reread()
			require.NoError(t, err)
		}
		require.Equal(t, warned, strings.Count(logged.String(), "level=WARN"), "%v: %s", mode, &logged)
	}
}
