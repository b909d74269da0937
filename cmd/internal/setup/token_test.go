package setup_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/faultproxy"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// A table that is not replicated remembers tokens if a setting asks for it, as replicas do in their Keeper.
var remembering = []string{"push_records", "push_record_facts", "store_sku_states", "failed_push_record_rows", "rejected_event_rows"}

const storedRows = `SELECT concatWithSeparator(' ', (SELECT count() FROM d.push_records), (SELECT count() FROM d.push_record_facts),
	(SELECT count() FROM d.store_sku_states), (SELECT count() FROM d.failed_push_record_rows))`

// newTokenStore returns a store that inserts as on a cluster, into tables that remember tokens.
func newTokenStore(t *testing.T, addrs func(server string) []string) *clickhouse.Store {
	server := embeddedtest.WithoutDatabases(t).Addr()
	alone := openStore(t, server, "d")
	_, err := alone.Migrate(t.Context())
	require.NoError(t, err)
	for _, table := range remembering {
		require.NoError(t, alone.Conn().Exec(t.Context(), "ALTER TABLE d."+table+" MODIFY SETTING non_replicated_deduplication_window = 100"))
		require.NoError(t, alone.Conn().Exec(t.Context(), "SYSTEM STOP MERGES d."+table)) // a merge would hide that rows were stored twice
	}
	s, err := clickhouse.Open(clickhouse.Config{Addr: addrs(server), Database: "d", Username: "default", Cluster: onCluster})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// An insert whose acknowledgement is lost is repeated at the other address, and is one block.
func TestRepeatedBlockIsStoredOnceInEveryTable(t *testing.T) {
	var first *faultproxy.Proxy
	s := newTokenStore(t, func(server string) []string {
		first = newProxy(t, server)
		return []string{first.Addr(), server}
	})
	require.Equal(t, "0 0 0 0", text(t, s, storedRows))
	first.Set(faultproxy.Mode{CutInserts: 1})
	b := s.NewBatch()
	for i := range int64(20_000) {
		r := record("sku", i+1, schemas.Failed)
		b.Add(&r)
	}
	require.NoError(t, b.Send(t.Context()))
	require.Equal(t, "20000 20000 1 20000", text(t, s, storedRows))
	require.NoError(t, b.Send(t.Context()), "repeated by the sink")
	require.Equal(t, "20000 20000 1 20000", text(t, s, storedRows))

	b.KeepRecords(1)
	require.NoError(t, b.Send(t.Context()), "other rows are another block")
	require.Equal(t, "20001 20001 2 20001", text(t, s, storedRows))
}

// An attempt that reached only some of the tables is completed by the next one: a table that has the
// block drops it, and does not keep it from the others.
func TestRepeatedBlockReachesTheTablesThatLackIt(t *testing.T) {
	s := newTokenStore(t, func(server string) []string { return []string{server} })
	require.NoError(t, s.Conn().Exec(t.Context(), "ALTER TABLE d.store_sku_states ADD CONSTRAINT never CHECK shop_id = 0"))
	b, r := s.NewBatch(), record("sku", 1, schemas.Failed)
	b.Add(&r)
	require.Error(t, b.Send(t.Context()))
	require.NoError(t, s.Conn().Exec(t.Context(), "ALTER TABLE d.store_sku_states DROP CONSTRAINT never"))
	require.NoError(t, b.Send(t.Context()))
	require.Equal(t, "1 1 1 1", text(t, s, storedRows))
}
