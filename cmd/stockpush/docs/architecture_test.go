package docs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	architecture = "processor/DESIGN.md"
	// maxArchitectureWords keeps the architecture to what can be read in a quarter of an hour.
	maxArchitectureWords = 3000
)

func TestArchitectureIsShort(t *testing.T) {
	words := slices.DeleteFunc(strings.Fields(read(t, filepath.Join(root, architecture))), func(w string) bool { return strings.Trim(w, "|-") == "" })
	require.Less(t, len(words), maxArchitectureWords)
}

func TestEveryInvariantNamesTestsThatExist(t *testing.T) {
	rows := tableOf(t, "Invariants")
	require.GreaterOrEqual(t, len(rows), 10)
	test := regexp.MustCompile("`(\\w+)\\.(Test\\w+)`")
	for _, row := range rows {
		named := test.FindAllStringSubmatch(row[2], -1)
		require.NotEmpty(t, named, "invariant %s has no test", row[0])
		for _, n := range named {
			require.True(t, hasTest(t, n[1], n[2]), "invariant %s names %s.%s, which does not exist", row[0], n[1], n[2])
		}
	}
}

// hasTest says whether a folder of that name has the test.
func hasTest(t *testing.T, folder, name string) bool {
	for _, pattern := range []string{"*/", "*/*/", "*/*/*/", ""} {
		files, err := filepath.Glob(filepath.Join(root, pattern, folder, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.Contains(read(t, file), "func "+name+"(") {
				return true
			}
		}
	}
	return false
}

// The steps name functions and types by package, so that a reader finds them.
func TestStepsOfACommandNameCodeThatExists(t *testing.T) {
	text := sections(read(t, filepath.Join(root, architecture)))["A command, step by step"]
	names := regexp.MustCompile("`(?:[A-Za-z]+\\.)?([A-Za-z]+)`").FindAllStringSubmatch(text, -1)
	require.Greater(t, len(names), 12)
	code := source(t)
	for _, name := range names {
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |package |\t)` + name[1] + `\b`)
		require.True(t, declared.MatchString(code), "nothing is called %s", name[1])
	}
}

func TestGlossaryIsInOrder(t *testing.T) {
	var terms []string
	for _, row := range tableOf(t, "Glossary") {
		require.NotEmpty(t, row[1], row[0])
		terms = append(terms, row[0])
	}
	require.GreaterOrEqual(t, len(terms), 35)
	require.LessOrEqual(t, len(terms), 45)
	require.True(t, slices.IsSorted(terms), "the terms are not in alphabetical order")
}

// tableOf returns the cells of the first table in a section of the architecture, without its head.
func tableOf(t *testing.T, section string) (rows [][]string) {
	t.Helper()
	for _, line := range strings.Split(sections(read(t, filepath.Join(root, architecture)))[section], "\n") {
		if strings.HasPrefix(line, "| ") {
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			rows = append(rows, cells)
		}
	}
	require.NotEmpty(t, rows, section)
	return rows[1:]
}
