package setup_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/faultproxy"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// TestOnALiveCluster needs two replicas of a cluster named main, for example those of
// `docker compose --profile cluster up clickhouse-1 clickhouse-2`:
//
//	STOCKPUSH_TEST_CLUSTER=127.0.0.1:19000,127.0.0.1:29000 STOCKPUSH_TEST_CLUSTER_PASSWORD=stockpush \
//	go test -count=1 -run OnALiveCluster ./cmd/internal/setup
//
// It creates a database of its own and drops it.
func TestOnALiveCluster(t *testing.T) {
	if os.Getenv("STOCKPUSH_TEST_CLUSTER") == "" {
		t.Skip("STOCKPUSH_TEST_CLUSTER is not set: it needs two replicas and a Keeper, as the compose profile `cluster` has")
	}
	addrs := strings.Split(os.Getenv("STOCKPUSH_TEST_CLUSTER"), ",")
	require.Len(t, addrs, 2)
	first := newProxy(t, addrs[0])
	c := liveCluster{database: fmt.Sprintf("stockpush_test_%d", time.Now().UnixNano())}
	s := c.open(t, first.Addr(), addrs[1])
	one, two := c.open(t, addrs[0]), c.open(t, addrs[1])
	t.Cleanup(func() { c.exec(t, one, "DROP DATABASE {db} ON CLUSTER 'main' SYNC") })

	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	for _, replica := range []*clickhouse.Store{one, two} {
		require.Empty(t, differences(t, replica), "each replica has the whole schema")
	}

	// The first server executes the insert and its answer is lost; the second one drops the block.
	first.Set(faultproxy.Mode{CutInserts: 1})
	b := s.NewBatch()
	const records = 300
	for i := range int64(records) {
		r := record("sku", i+1, schemas.Skipped)
		b.Add(&r)
	}
	require.NoError(t, b.Send(t.Context()))
	for _, replica := range []*clickhouse.Store{one, two} {
		c.exec(t, replica, "SYSTEM SYNC REPLICA {db}.push_records")
		c.exec(t, replica, "SYSTEM SYNC REPLICA {db}.push_record_facts")
		require.Equal(t, "300 300", c.text(t, replica, "SELECT concatWithSeparator(' ', (SELECT count() FROM {db}.push_records), (SELECT count() FROM {db}.push_record_facts))"))
	}

	// Both replicas trim the same records.
	require.NoError(t, one.Trim(t.Context()))
	for _, replica := range []*clickhouse.Store{one, two} {
		embeddedtest.Eventually(t, replica.Conn(), "100 201 300", c.in("SELECT concatWithSeparator(' ', count(), min(event_offset), max(event_offset)) FROM {db}.push_records"))
	}

	// A column and a comment that are missing are repaired on both.
	c.exec(t, one, "ALTER TABLE {db}.push_stats_frozen ON CLUSTER 'main' DROP COLUMN p99_ms")
	c.exec(t, two, "ALTER TABLE {db}.push_records MODIFY COMMENT ''")
	for _, replica := range []*clickhouse.Store{one, two} {
		_, err := c.open(t, addrs[0], addrs[1]).Migrate(t.Context())
		require.NoError(t, err)
		_, err = replica.Migrate(t.Context())
		require.NoError(t, err)
		require.Empty(t, differences(t, replica))
	}
	require.NoError(t, one.Freeze(t.Context()))
}

type liveCluster struct{ database string }

func (c liveCluster) open(t *testing.T, addrs ...string) *clickhouse.Store {
	s, err := clickhouse.Open(clickhouse.Config{
		Addr: addrs, Database: c.database, Username: "default", Password: os.Getenv("STOCKPUSH_TEST_CLUSTER_PASSWORD"), Cluster: onCluster,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (c liveCluster) in(query string) string { return strings.ReplaceAll(query, "{db}", c.database) }

func (c liveCluster) exec(t *testing.T, s *clickhouse.Store, query string) {
	require.NoError(t, s.Conn().Exec(t.Context(), c.in(query)), query)
}

func (c liveCluster) text(t *testing.T, s *clickhouse.Store, query string) string {
	return text(t, s, c.in(query))
}
