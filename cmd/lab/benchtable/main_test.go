package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, name string, lines ...string) (path string) {
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func TestTableHasMediansSpreadTargetsAndEarlierRun(t *testing.T) {
	now := write(t, "now",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.41 compacted/bare",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.55 compacted/bare",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.43 compacted/bare",
		"BenchmarkLatency/idle-2 1 9 ns/op 1.5 p50-ms",
		"BenchmarkTwoProcesses-2 1 9 ns/op 0.95 two/one 0.8 two/one-from-start",
		"BenchmarkTwoProcesses-2 1 9 ns/op 1.01 two/one 0.9 two/one-from-start",
	)
	before := write(t, "before", "BenchmarkPipeline/even-16 1 9 ns/op 0.25 compacted/bare")
	var out strings.Builder
	require.NoError(t, run([]string{now, before}, &out))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, rows, 8)
	require.Equal(t, "compaction / bare consumer 0.43 (0.41–0.55) 3 ≥ 0.45 no 0.25", words(rows[3]))
	require.Equal(t, "lone event beyond window and linger, idle, p50 1.5 ms 1 ≤ 3.0 ms yes", words(rows[4]))
	require.Equal(t, "two processes / one 0.98 (0.95–1.01) 2 ≥ 1.00 within the spread yes", words(rows[5]))
	require.Equal(t, "from their start 0.85 (0.80–0.90) 2", words(rows[6]))
	require.Error(t, run(nil, &out))
}

func TestShortTableHasTheBrokersBudgets(t *testing.T) {
	now := write(t, "now",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.31 compacted/bare 3000000 bare-events/s",
		"BenchmarkRestoreAMillionStoreSKUs-2 1 9 ns/op 286.4 B/SKU 1.8 s/restore",
	)
	lines := func(args ...string) []string {
		var out strings.Builder
		require.NoError(t, run(append(args, now), &out))
		all := strings.Split(strings.TrimSpace(out.String()), "\n")
		for i := range all {
			all[i] = words(all[i])
		}
		return all[3 : len(all)-1]
	}
	require.Equal(t, []string{
		"compaction / bare consumer 0.31 NOT MET ≥ 0.45", "1 M store SKUs known, heap 286 MB ≤ 450 MB", "start with the states of 1 M store SKUs 1.80 s ≤ 3.00 s",
	}, lines("-short"))
	require.Contains(t, lines("-short", "-apache-kafka"), "compaction / bare consumer 0.31 ≥ 0.25")
}

func words(row string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(row, "│", " ")), " ")
}
