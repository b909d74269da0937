package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// sections splits a document at its headings of the second level, by heading.
func sections(document string) map[string]string {
	found := map[string]string{}
	for _, part := range strings.Split("\n"+document, "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		found[heading] = text
	}
	return found
}

func TestEveryAlertOfTheRunbookHasMeaningCheckAndFix(t *testing.T) {
	parts := regexp.MustCompile(`(?s)^\n\*\*Meaning\*\*:\s.+\n\n\*\*Check\*\*:\s.+\n\n\*\*Fix\*\*:\s.+`)
	alerts := 0
	for heading, text := range sections(read(t, "runbook.md")) {
		require.Regexp(t, parts, text, heading)
		alerts++
	}
	require.Greater(t, alerts, 10)
}

// fences are blocks of code, which quote in their own way.
var fences = regexp.MustCompile("(?ms)^ *```.*?^ *```$")

func TestTheRunbookQuotesLogMessagesThatExist(t *testing.T) {
	text := strings.Join(strings.Fields(fences.ReplaceAllString(read(t, "runbook.md"), "")), " ")
	quotes := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(text, -1)
	require.Greater(t, len(quotes), 10)
	code := source(t)
	for _, quote := range quotes {
		logged := regexp.MustCompile(`\.(Debug|Info|Warn|Error)\("` + regexp.QuoteMeta(quote[1]))
		require.True(t, logged.MatchString(code), "nothing logs a message that begins with %q", quote[1])
	}
}

// source is all code of the program, without tests.
func source(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "lab"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	}))
	return b.String()
}
