package archtest

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// phrase is an expression that readers stumble over, with what to write in its place.
type phrase struct{ pattern, instead string }

// phrases are coined verbs, riddles and metaphors. Comments, names, messages and documents avoid
// them; the glossary in processor/DESIGN.md has the terms to use.
var phrases = func() (all []phrase) {
	for line := range strings.Lines(phraseList) {
		if pattern, instead, ok := strings.Cut(strings.TrimSpace(line), " => "); ok {
			all = append(all, phrase{pattern, instead})
		}
	}
	return all
}()

//go:embed phrases.txt
var phraseList string

// tolerated is how many uses a folder still has. A number may fall, never rise.
var tolerated = map[string]int{
	"channels/shopee/postgres/postgrestest": 2,
}

// words matches every phrase as whole words.
var words = func() *regexp.Regexp {
	var patterns []string
	for _, p := range phrases {
		patterns = append(patterns, p.pattern)
	}
	return regexp.MustCompile(`(?i)\b(?:` + strings.Join(patterns, "|") + `)\b`)
}()

// advice returns what to write instead of a phrase.
func advice(found string) string {
	for _, p := range phrases {
		if regexp.MustCompile(`(?i)^(?:` + p.pattern + `)$`).MatchString(found) {
			return p.instead
		}
	}
	return ""
}

// uses lists the phrases in a text, each with its line.
func uses(name string, text []byte) (found []string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		for _, use := range words.FindAllString(lines.Text(), -1) {
			found = append(found, fmt.Sprintf("%s:%d: %q (%s)", name, n, use, advice(use)))
		}
	}
	return found
}

// prose lists the tracked files that people read. Released SQL never changes.
func prose(t *testing.T) []string {
	tracked, err := exec.Command("git", "-C", "../../..", "ls-files", "*.go", "*.md", "*.html", "*.yml", "*.yaml", "Makefile").Output()
	if err != nil {
		t.Skip("not a git checkout: ", err)
	}
	return strings.Fields(string(tracked))
}

func TestPlainPhrases(t *testing.T) {
	byFolder := map[string][]string{}
	for _, name := range prose(t) {
		text, err := os.ReadFile(filepath.Join("../../..", name))
		if os.IsNotExist(err) || strings.HasSuffix(name, "archtest/phrases_test.go") {
			continue
		}
		require.NoError(t, err)
		byFolder[path.Dir(name)] = append(byFolder[path.Dir(name)], uses(name, text)...)
	}
	for folder, found := range byFolder {
		if len(found) > tolerated[folder] {
			t.Errorf("%s may have %d of these phrases and has %d:\n  %s", folder, tolerated[folder], len(found), strings.Join(found, "\n  "))
		}
	}
}

func TestPlantedPhrasesAreFound(t *testing.T) {
	planted := "package p\n\n// The owner takes it in vain.\nvar queue = \"on its way\"\n\n// It continues with the other rows.\n"
	require.Equal(t, []string{
		`x.go:3: "in vain" (without success)`, `x.go:4: "on its way" (pending, in flight)`,
	}, uses("x.go", []byte(planted)))
	require.Greater(t, len(phrases), 40)
	for _, p := range phrases {
		require.NotEmpty(t, p.instead, p.pattern)
	}
}
