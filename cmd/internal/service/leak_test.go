package service

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/eventlog"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// A role opens ClickHouse, the token store and listeners, and then its stage cannot be created.
func TestFailedRoleLeavesNothingOpen(t *testing.T) {
	conn := kafka.Connection{Brokers: []string{embeddedtest.StartBroker(t).Addr()}, ClientID: "test"}
	topics := schemas.Topics("stockpush")
	require.NoError(t, kafka.CreateTopics(t.Context(), conn, topics.Specs(12), -1))
	_, err := eventlog.Declare(t.Context(), conn, topics)
	require.NoError(t, err)
	loaded, err := config.Load(config.Source{Environ: []string{
		"STOCKPUSH_CLICKHOUSE_ADDR=127.0.0.1:1", "STOCKPUSH_SHOPEE_TOKENS_POSTGRES=postgres://u:p@127.0.0.1:1/d", "STOCKPUSH_SHOPEE_PARTNER_KEY=key",
		"STOCKPUSH_SHOPEE_PARTNER_ID=1", "STOCKPUSH_CONSOLE_LISTEN=127.0.0.1:0", "STOCKPUSH_OPS_LISTEN=127.0.0.1:0",
	}})
	require.NoError(t, err)
	cfg := loaded.Config
	cfg.Kafka.Brokers = conn.Brokers
	cfg.Kafka.SessionTimeout = time.Nanosecond // makes every stage fail
	for _, role := range []string{Processor, Channels, Sink} {
		running := goleak.IgnoreCurrent()
		err := Run(t.Context(), cfg, Running{Roles: []string{Console, role}}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, role+": kafka consumer", role)
		require.NoError(t, goleak.Find(running), role)
	}
}

func TestResourcesAreClosedInReverseOrder(t *testing.T) {
	p := &process{registry: prometheus.NewRegistry()}
	var closed []int
	broken := errors.New("broken")
	for i := range 3 {
		p.atEnd(func() error { closed = append(closed, i); return map[int]error{1: broken}[i] })
	}
	require.ErrorIs(t, p.close(), broken)
	require.Equal(t, []int{2, 1, 0}, closed)
}
