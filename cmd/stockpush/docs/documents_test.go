// Package docs holds the program's documents; its tests keep them true.
package docs

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// requireGenerated fails if the named part of a document is not as generated; -update writes it.
// The part lies between the comments "<!-- generated: NAME -->" and "<!-- end -->".
func requireGenerated(t *testing.T, file, name, want string) {
	t.Helper()
	begin, end := fmt.Sprintf("<!-- generated: %s -->\n", name), "<!-- end -->"
	before, remainder, found := strings.Cut(read(t, file), begin)
	require.True(t, found, "%s has no part %q", file, name)
	is, after, found := strings.Cut(remainder, end)
	require.True(t, found, "the part %q of %s does not end", name, file)
	want = "\n" + want + "\n"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644))
		return
	}
	require.Equal(t, want, is, "%s is not current: run `make docs`", file)
}

// table writes rows of cells as a Markdown table; the first row is its head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

// sorted are rows by their first cell, below the head.
func sorted(rows [][]string) [][]string {
	slices.SortFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return rows
}
