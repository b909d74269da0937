package docs

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "cmd/internal/console/openapi.yaml"))
	require.NoError(t, err)
	return doc
}

func TestPathsOfTheAPIAreCurrent(t *testing.T) {
	rows := [][]string{{"path", "what"}}
	doc := description(t)
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, operation := range doc.Paths.Value(path).Operations() {
			rows = append(rows, []string{"`" + method + " " + path + "`", operation.Summary})
		}
	}
	requireGenerated(t, "http.md", "api", table(sorted(rows)))
}

// Each request of an example is one that the API, a page or a probe answers. That they work,
// .ci/tour tries.
func TestRequestsOfHTTPAreDescribed(t *testing.T) {
	text := read(t, "http.md")
	requests := regexp.MustCompile(`http://127\.0\.0\.1:\d+(/[^\s']+)`).FindAllStringSubmatch(text, -1)
	require.Greater(t, len(requests), 8)
	for _, request := range requests {
		target, err := url.Parse(request[1])
		require.NoError(t, err)
		if strings.HasPrefix(target.Path, "/api/") {
			requireDescribed(t, description(t), target)
		} else {
			require.Contains(t, text, "| `"+target.Path+"` |")
		}
	}
}

func requireDescribed(t *testing.T, doc *openapi3.T, target *url.URL) {
	t.Helper()
	variable := regexp.MustCompile(`\\\{\w+\\\}`)
	for _, path := range doc.Paths.InMatchingOrder() {
		pattern := variable.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
		if !regexp.MustCompile("^" + pattern + "$").MatchString(target.Path) {
			continue
		}
		item := doc.Paths.Value(path)
		for name := range target.Query() {
			require.NotNil(t, item.Get, path)
			require.NotNil(t, item.Get.Parameters.GetByInAndName("query", name), "%s has no parameter %s", path, name)
		}
		return
	}
	require.Fail(t, "no such path", target.Path)
}
