package embeddedtest

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
)

// One returns the single value of a query.
func One[T any](t testing.TB, conn driver.Conn, query string) T {
	t.Helper()
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&value), query)
	return value
}

// timeout is how long Eventually waits. Pushes with a read-back take the longest.
const timeout = 45 * time.Second

// Eventually waits until the single value of a query equals want.
func Eventually[T comparable](t testing.TB, conn driver.Conn, want T, query string) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		got := One[T](t, conn, query)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			require.Equal(t, want, got, query)
		}
		<-time.After(50 * time.Millisecond)
	}
}
