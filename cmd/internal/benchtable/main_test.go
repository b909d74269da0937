package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTableHasMediansSpreadTargetsAndWhatWasBefore(t *testing.T) {
	write := func(name string, lines ...string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		return path
	}
	now := write("now",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.41 compacted/bare",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.55 compacted/bare",
		"BenchmarkPipeline/even-2 1 9 ns/op 0.43 compacted/bare",
		"BenchmarkLatency/idle-2 1 9 ns/op 1.5 p50-ms",
	)
	before := write("before", "BenchmarkPipeline/even-16 1 9 ns/op 0.25 compacted/bare")
	var out strings.Builder
	require.NoError(t, run([]string{now, before}, &out))
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, rows, 6)
	require.Equal(t, "compaction / bare consumer 0.43 (0.41–0.55) 3 ≥ 0.50 no 0.25", words(rows[3]))
	require.Equal(t, "lone event, idle, p50 1.5 ms 1 ≤ 2.0 ms yes", words(rows[4]))
	require.Error(t, run(nil, &out))
}

func words(row string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(row, "│", " ")), " ")
}
