package clickhouse

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden file")

var testCluster = Cluster{Name: "main", ReplicaPath: "/clickhouse/tables/{shard}/{database}/{table}", ReplicaName: "{replica}"}

// The lines that differ on a cluster are in the golden file: each object's head, and the engines.
func TestStatementsOnAClusterAreAsInTheGoldenFile(t *testing.T) {
	const golden = "testdata/cluster.sql"
	objects, err := ObjectsOn(testCluster, "d")
	require.NoError(t, err)
	var lines []string
	for _, o := range objects {
		for line := range strings.SplitSeq(o.Create, "\n") {
			if strings.HasPrefix(line, "CREATE ") || strings.HasPrefix(line, "ENGINE ") {
				lines = append(lines, line)
			}
		}
	}
	is := strings.Join(lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(is), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), is, "write it with: go test ./schemas/clickhouse -update")
}

// Apart from ON CLUSTER and the engine's first two arguments, the statements are those of one
// server, also in what is compared with the server's.
func TestObjectsOnAClusterDifferInClusterAndEngineOnly(t *testing.T) {
	alone, err := Objects("d")
	require.NoError(t, err)
	objects, err := ObjectsOn(testCluster, "d")
	require.NoError(t, err)
	require.Len(t, objects, len(alone))
	back := regexp.MustCompile(`Replicated(\w+)\('/clickhouse/tables/\{shard\}/d/(\w+)', '\{replica\}'(?:, (.*))?\)`)
	for i, o := range objects {
		require.Equal(t, 1, strings.Count(o.Create, " ON CLUSTER 'main'"), o.Name)
		if m := back.FindStringSubmatch(o.Create); o.Kind == Table {
			require.NotNil(t, m, o.Name)
			require.Equal(t, o.Name, m[2], "each table has a path of its own")
		}
		o.Create = strings.Replace(o.Create, " ON CLUSTER 'main'", "", 1)
		o.Create = strings.Replace(back.ReplaceAllString(o.Create, "$1($3)"), "MergeTree()\n", "MergeTree\n", 1)
		require.Equal(t, alone[i], o)
	}
	none, err := ObjectsOn(Cluster{}, "d")
	require.NoError(t, err)
	require.Equal(t, alone, none)
}
