package clickhouse_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func open(t *testing.T, s *clickhouse.Server, dial func(context.Context, string) (net.Conn, error)) driver.Conn {
	conn, err := driver.Open(&driver.Options{Addr: []string{s.Addr()}, DialContext: dial})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestDataSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	first := embeddedtest.StartClickHouseIn(t, dir)
	conn := open(t, first, nil)
	require.NoError(t, conn.Exec(t.Context(), "CREATE DATABASE d"))
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO d.t SELECT number FROM numbers(1000)"))
	require.NoError(t, first.Close())
	require.NoError(t, first.Err())
	var n uint64
	second := embeddedtest.StartClickHouseIn(t, dir)
	require.NoError(t, open(t, second, nil).QueryRow(t.Context(), "SELECT count() FROM d.t").Scan(&n))
	require.Equal(t, uint64(1000), n)
}

func TestConnectionResetDoesNotCrashTheEngine(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	before := engines(t)
	var sockets []*net.TCPConn
	dial := func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			sockets = append(sockets, c.(*net.TCPConn))
		}
		return c, err
	}
	for range 3 {
		conn := open(t, s, dial)
		rows, err := conn.Query(t.Context(), "SELECT number FROM system.numbers")
		require.NoError(t, err)
		require.True(t, rows.Next())
		last := sockets[len(sockets)-1]
		require.NoError(t, last.SetLinger(0))
		require.NoError(t, last.Close())
		for rows.Next() { // rows that arrived before the reset
		}
		require.Error(t, rows.Err())
	}
	require.NoError(t, open(t, s, nil).Ping(t.Context()))
	require.Equal(t, before, engines(t))
}

func TestGarbageDoesNotCrashTheEngine(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	before := engines(t)
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "garbage\n",
		"\x00", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x00\x03abc\x01"} {
		for _, addr := range []string{s.Addr(), s.HTTPAddr()} {
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
			// The server may close or reset the connection at any point of this.
			_, _ = c.Write([]byte(garbage))
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
	require.NoError(t, open(t, s, nil).Ping(t.Context()))
	require.Equal(t, before, engines(t))
}

func TestRefusedLoginDoesNotCrashTheEngine(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	before := engines(t)
	for _, who := range []driver.Auth{
		{Username: "unknown"}, {Username: "default", Password: "wrong"}, {Username: "unknown", Password: strings.Repeat("x", 100_000)}, {Database: "no'where"}, {Database: "nowhere"},
	} {
		conn, err := driver.Open(&driver.Options{Addr: []string{s.Addr()}, Auth: who})
		require.NoError(t, err)
		err = conn.Ping(t.Context())
		require.NoError(t, conn.Close())
		if len(who.Password) > 1000 { // longer than any valid password
			require.Error(t, err)
			continue
		}
		exception, ok := errors.AsType[*driver.Exception](err)
		require.True(t, ok, "%v", err)
		if who.Database != "" {
			require.EqualValues(t, 81, exception.Code)
			continue
		}
		require.EqualValues(t, 516, exception.Code)
	}
	conn, err := driver.Open(&driver.Options{Addr: []string{s.Addr()}, Auth: driver.Auth{Database: "system"}})
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	require.NoError(t, conn.Close())
	require.NoError(t, open(t, s, nil).Ping(t.Context()))
	require.Equal(t, before, engines(t))
}

func TestEngineWaitsForLockedTables(t *testing.T) {
	dir := t.TempDir()
	first := embeddedtest.StartClickHouseIn(t, dir)
	release := time.AfterFunc(time.Second, func() { _ = first.Close() })
	defer release.Stop()
	require.NoError(t, open(t, embeddedtest.StartClickHouseIn(t, dir), nil).Ping(t.Context()))
}

func TestKilledEngineIsRestartedFourTimes(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	for range 4 {
		kill(t)
		require.Eventually(t, func() bool { return answers(t, s) }, 30*time.Second, 50*time.Millisecond)
	}
	kill(t)
	select {
	case <-s.Done():
		require.ErrorContains(t, s.Err(), "giving up")
	case <-time.After(30 * time.Second):
		require.Fail(t, "it did not give up")
	}
}

// answers sends a query on a new connection. A connection to an engine that died may hang, so it
// has a time limit.
func answers(t *testing.T, s *clickhouse.Server) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return open(t, s, nil).Ping(ctx) == nil
}

// engines lists the engine processes that this process started.
func engines(t *testing.T) []string {
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(os.Getpid()), "-f", "[-]-listen_host").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func kill(t *testing.T) {
	for _, pid := range engines(t) {
		require.NoError(t, exec.Command("kill", "-9", pid).Run())
	}
}
