package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// program builds the program, and finds the embedded ClickHouse's library.
func program(t *testing.T) options {
	library := os.Getenv("STOCKPUSH_LIBCHDB")
	if library == "" {
		library = filepath.Join(root, defaultLibrary)
	}
	if _, err := os.Stat(library); err != nil {
		t.Skip("no embedded ClickHouse here: ", err)
	}
	binary := filepath.Join(t.TempDir(), "stockpush")
	build := exec.Command("go", "build", "-o", binary, "./cmd/stockpush")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return options{binary: binary, library: library, keep: t.TempDir(), quiet: true}
}

// `make flood` is the real load.
func TestFloodStaysWithinTheMemoryCap(t *testing.T) {
	o := program(t)
	for _, without := range []string{"clickhouse", "shopee"} {
		t.Run("without "+without, func(t *testing.T) {
			o.without, o.load = without, 100_000
			require.True(t, loaded(t.Context(), o))
		})
	}
}
