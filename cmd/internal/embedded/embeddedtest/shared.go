package embeddedtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/clickhouse"
)

// sharedServer is the ClickHouse of all tests of a package. It starts on first use.
type sharedServer struct {
	mu     sync.Mutex
	server *clickhouse.Server
	dir    string
}

var shared sharedServer

// SharedClickHouse returns the ClickHouse that the tests of a package share. Main closes it. A test
// must not stop it. Databases and their rows stay for the next test: see Empty and
// WithoutDatabases.
func SharedClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		dir, err := os.MkdirTemp("", "stockpush-clickhouse-")
		require.NoError(t, err)
		shared.dir = dir
		shared.server = start(t, clickhouse.Config{DataDir: dir})
	}
	return shared.server
}

// close closes the server, if it was started, and removes its data.
func (s *sharedServer) close() {
	if s.server != nil {
		if err := s.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the ClickHouse of the tests:", err)
		}
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// NewDatabase returns the shared ClickHouse and the name of a database that no other test uses. The
// test creates it; it is dropped after the test.
func NewDatabase(t testing.TB) (server *clickhouse.Server, database string) {
	t.Helper()
	server, conn := SharedClickHouse(t), connect(t)
	database = fmt.Sprintf("test_%d", databases.Add(1))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context()) // which ends before the cleanup
		require.NoError(t, conn.Exec(ctx, "DROP DATABASE IF EXISTS `"+database+"` SYNC"))
	})
	return server, database
}

// databases counts the calls of NewDatabase.
var databases atomic.Int64

// Empty removes all rows of a database of the shared ClickHouse. The database need not exist. Its
// tables stay, because creating them takes longer than most tests.
func Empty(t testing.TB, database string) {
	t.Helper()
	conn := connect(t)
	// TRUNCATE ALL TABLES is one statement, but no merge runs after it.
	for _, table := range names(t.Context(), t, conn, "SELECT name FROM system.tables WHERE database = '"+database+"' AND total_rows > 0") {
		require.NoError(t, conn.Exec(t.Context(), "TRUNCATE TABLE `"+database+"`.`"+table+"`"))
	}
}

// WithoutDatabases returns the shared ClickHouse and drops all its databases, before the test and
// after it. It is for tests that create or change tables themselves. The oldest supported ClickHouse
// may never drop a database with tables that were emptied, so there it is a server of the test's own.
func WithoutDatabases(t testing.TB) *clickhouse.Server {
	t.Helper()
	if os.Getenv(oldVariable) != "" {
		return StartClickHouse(t)
	}
	server, conn := SharedClickHouse(t), connect(t)
	dropAll := func() {
		ctx := context.WithoutCancel(t.Context()) // which ends before the cleanup
		for _, name := range names(ctx, t, conn, "SELECT name FROM system.databases WHERE lower(name) NOT IN ('default', 'system', 'information_schema')") {
			require.NoError(t, conn.Exec(ctx, "DROP DATABASE `"+name+"` SYNC"))
		}
	}
	dropAll()
	t.Cleanup(dropAll)
	return server
}

// names returns the rows of a query.
func names(ctx context.Context, t testing.TB, conn driver.Conn, query string) (all []string) {
	t.Helper()
	rows, err := conn.Query(ctx, query)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		all = append(all, name)
	}
	require.NoError(t, rows.Err())
	return all
}

// connect connects to the shared ClickHouse.
func connect(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := driver.Open(&driver.Options{Addr: []string{SharedClickHouse(t).Addr()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}
