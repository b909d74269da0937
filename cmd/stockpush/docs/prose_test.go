package docs

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	// maxWidth is how wide prose is, in characters.
	maxWidth = 100
	// maxReadme is how long README.md is, in lines.
	maxReadme = 150
)

// markdown lists every Markdown file of the repository, as paths from its root.
func markdown(t *testing.T) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != ".github" && path != root
		if err == nil && d.IsDir() && (hidden || d.Name() == "node_modules" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			relative, err := filepath.Rel(root, path)
			files = append(files, relative)
			return err
		}
		return err
	}))
	require.Contains(t, files, "README.md")
	return files
}

func TestProseIsAtMost100Wide(t *testing.T) {
	for _, file := range markdown(t) {
		for _, line := range tooWide(read(t, filepath.Join(root, file))) {
			t.Errorf("%s:%s", file, line)
		}
	}
}

// tooWide lists the lines of prose that are too wide. Code, tables, and lines that are one link
// cannot be wrapped.
func tooWide(document string) []string {
	var wide []string
	fenced := false
	for i, line := range strings.Split(document, "\n") {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "```") {
			fenced = !fenced
		}
		unwrappable := fenced || strings.HasPrefix(text, "|") || strings.HasPrefix(text, "![") || !strings.Contains(text, " ")
		if n := utf8.RuneCountInString(line); n > maxWidth && !unwrappable {
			wide = append(wide, fmt.Sprintf("%d: %d characters: %.60s…", i+1, n, text))
		}
	}
	return wide
}

func TestTooWideSkipsCodeAndTablesOnly(t *testing.T) {
	long := strings.Repeat("word ", 21)
	require.Len(t, tooWide("short\n"+long+"\n```\n"+long+"\n```\n| "+long+"|\n  - "+long), 2)
	require.Empty(t, tooWide(strings.Repeat("é", maxWidth)), "characters count, not bytes")
}

func TestReadmeIsShort(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(read(t, filepath.Join(root, "README.md")), "\n"), "\n")
	require.LessOrEqual(t, len(lines), maxReadme)
	for i, line := range lines {
		require.LessOrEqual(t, utf8.RuneCountInString(line), maxWidth, "line %d, tables and code too", i+1)
	}
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	links := 0
	for _, file := range markdown(t) {
		broken, n := brokenLinks(root, file)
		links += n
		for _, link := range broken {
			t.Errorf("%s links to %s, which does not exist", file, link)
		}
	}
	require.Greater(t, links, 30)
}

func TestBrokenLinksFindsMissingFilesAndAnchors(t *testing.T) {
	dir := t.TempDir()
	text := "# A b: `c_d`\n\n# A b: `c_d`\n\n[1](#a-b-c_d) [2](#a-b-c_d-1) [3](other.md#x) [4](https://example.com/#y)\n" +
		"```\n# No heading [9](none.md)\n```\n[5](#no-heading) [6](none.md) [7](other.md#y) ![8](none.png)\n\n[9]: gone.md\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.md"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.md"), []byte("## X\n"), 0o600))
	broken, _ := brokenLinks(dir, "a.md")
	require.Equal(t, []string{"#no-heading", "none.md", "other.md#y", "none.png", "gone.md"}, broken)
}

var (
	inlineLink    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	referenceLink = regexp.MustCompile(`(?m)^\[[^\]]+\]: (\S+)$`)
	heading       = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	codeSpans     = regexp.MustCompile("`[^`\n]*`")
)

// brokenLinks lists a document's links to files and headings that do not exist, and counts all its
// links within the repository.
func brokenLinks(root, file string) (broken []string, links int) {
	text := fences.ReplaceAllString(contents(filepath.Join(root, file)), "")
	text = codeSpans.ReplaceAllString(text, "")
	for _, found := range append(inlineLink.FindAllStringSubmatch(text, -1), referenceLink.FindAllStringSubmatch(text, -1)...) {
		target, err := url.Parse(found[1])
		if err == nil && target.Host != "" {
			continue
		}
		links++
		if err != nil || !leads(root, file, target) {
			broken = append(broken, found[1])
		}
	}
	return broken, links
}

func leads(root, from string, target *url.URL) bool {
	path := filepath.Join(root, from)
	if target.Path != "" {
		path = filepath.Join(filepath.Dir(path), target.Path)
	}
	if _, err := os.Stat(path); err != nil {
		return false
	}
	return target.Fragment == "" || anchors(contents(path))[target.Fragment]
}

func contents(path string) string {
	text, _ := os.ReadFile(path) // none: it has no headings
	return string(text)
}

// anchors are the names under which GitHub shows a document's headings.
func anchors(document string) map[string]bool {
	names := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fences.ReplaceAllString(document, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(h[1]))
		for unique, n := name, 1; ; n++ {
			if !names[unique] {
				names[unique] = true
				break
			}
			unique = fmt.Sprintf("%s-%d", name, n)
		}
	}
	return names
}

// Files and folders that documents name in code spans exist.
func TestPathsThatDocumentsNameExist(t *testing.T) {
	path := regexp.MustCompile("`((?:schemas|processor|channels|sinks|cmd|\\.ci|\\.github)/[\\w./-]*\\w)/?`")
	named := 0
	for _, file := range []string{"README.md", architecture, ".github/CONTRIBUTING.md", ".github/SECURITY.md"} {
		for _, found := range path.FindAllStringSubmatch(read(t, filepath.Join(root, file)), -1) {
			_, err := os.Stat(filepath.Join(root, found[1]))
			require.NoError(t, err, file)
			named++
		}
	}
	require.Greater(t, named, 20)
}
