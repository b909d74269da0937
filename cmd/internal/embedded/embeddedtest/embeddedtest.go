// Package embeddedtest gives tests the real embedded servers.
package embeddedtest

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/broker"
	"stockpush/cmd/internal/embedded/clickhouse"
)

const engineVariable = "STOCKPUSH_TEST_ENGINE"

// Main is the TestMain of packages that start ClickHouse: the test binary is
// its own engine process. After the tests it runs what cleans up after them.
func Main(m *testing.M, after ...func()) {
	if os.Getenv(engineVariable) != "" {
		if err := clickhouse.RunEngine(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, clean := range after {
		clean()
	}
	os.Exit(code)
}

// StartClickHouse starts a ClickHouse with an empty data directory for one test.
func StartClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return StartClickHouseIn(t, t.TempDir())
}

// StartClickHouseIn starts a ClickHouse on a data directory.
func StartClickHouseIn(t testing.TB, dir string) *clickhouse.Server {
	t.Helper()
	library, err := clickhouse.FindLibrary(filepath.Join(root(t), ".stockpush"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(engineVariable, "1")
	server, err := clickhouse.Start(t.Context(), clickhouse.Config{
		Listen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0", DataDir: dir, Library: library, Engine: []string{self}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

// StartBroker starts a broker in memory for one test.
func StartBroker(t testing.TB) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// root is the checkout: the folder above with go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "go.mod not found")
		dir = parent
	}
}
