package setup_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/sinks/clickhouse"
)

var onCluster = schema.Cluster{Name: "main", ReplicaPath: "/clickhouse/tables/{shard}/{database}/{table}", ReplicaName: "{replica}"}

// Two replicas with one Keeper. The library knows no ON CLUSTER and no exchange between replicas:
// statements run on each server without that clause, and the tables stay read-only.
func TestReplicatedTablesAreCreatedInAKeeper(t *testing.T) {
	keeper := os.Getenv("STOCKPUSH_TEST_KEEPER")
	if keeper == "" {
		t.Skip("STOCKPUSH_TEST_KEEPER is not set: run it with .ci/keeper/with-keeper")
	}
	host, port, err := net.SplitHostPort(keeper)
	require.NoError(t, err)
	objects, err := schema.ObjectsOn(onCluster, "d")
	require.NoError(t, err)
	for i, replica := range []string{"one", "two"} {
		addr := embeddedtest.StartReplica(t, host, port, replica).Addr()
		s, err := clickhouse.Open(clickhouse.Config{Addr: []string{addr}, Database: "d", Username: "default", Cluster: onCluster})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		require.NoError(t, s.Conn().Exec(t.Context(), "CREATE DATABASE d"))
		for _, o := range objects {
			require.NoError(t, s.Conn().Exec(t.Context(), strings.Replace(o.Create, onCluster.Clause(), "", 1)), o.Name)
		}
		require.Empty(t, differences(t, s), "the server shows the tables as they are expected")
		requireReplicas(t, s, objects, replica, i+1)
		requireRefusedAsReadOnly(t, s)
	}
}

// requireReplicas requires each table's path, name and number of replicas in the Keeper.
func requireReplicas(t *testing.T, s *clickhouse.Store, objects []schema.Object, replica string, replicas int) {
	tables := 0
	for _, o := range objects {
		if o.Kind != schema.Table {
			continue
		}
		tables++
		require.Equal(t, fmt.Sprintf("/clickhouse/tables/01/d/%s %s %d", o.Name, replica, replicas), text(t, s,
			"SELECT concatWithSeparator(' ', zookeeper_path, replica_name, total_replicas) FROM system.replicas WHERE database = 'd' AND table = '"+o.Name+"'"))
	}
	require.GreaterOrEqual(t, tables, 8)
}

// requireRefusedAsReadOnly requires that the server refuses an insert only because the table is
// read-only, and not because of its settings.
func requireRefusedAsReadOnly(t *testing.T, s *clickhouse.Store) {
	b, r := s.NewBatch(), record("sku", 1, schemas.Successfully)
	b.Add(&r)
	var insert *ch.Exception
	require.ErrorAs(t, b.Send(t.Context()), &insert)
	require.Equal(t, proto.ErrTableIsReadOnly, insert.Code, insert.Message)
}
