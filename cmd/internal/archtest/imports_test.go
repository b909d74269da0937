package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pkg is a package with its direct imports, as `go list` prints them.
type pkg struct {
	ImportPath string
	Imports    []string
	// TestImports and XTestImports are the imports of its tests inside and outside the package.
	TestImports, XTestImports []string
}

// rule forbids the packages at or below a path to import anything that begins with one of the
// names, apart from the exceptions. Only direct imports count.
type rule struct {
	of     string
	never  []string
	except []string
}

const (
	kafka      = "github.com/twmb/franz-go"
	viper      = "github.com/spf13/viper"
	clickhouse = "github.com/ClickHouse"
)

// runtime is what all stages run in.
var runtime = []string{"stockpush/processor/stream", "stockpush/processor/stream/kafka", "stockpush/processor/stream/outbox"}

var rules = []rule{
	{of: "stockpush", never: []string{"unsafe"}},
	{of: "stockpush/schemas", never: []string{"stockpush/processor", "stockpush/channels", "stockpush/sinks", "stockpush/cmd", kafka, viper, clickhouse, "net/http"}},
	{of: "stockpush/schemas/stockevent", never: []string{"stockpush/schemas/wire"}},
	{of: "stockpush/schemas/wire", never: []string{"stockpush/schemas/stockevent"}},
	{of: "stockpush/processor", never: []string{"stockpush/channels", "stockpush/sinks", "stockpush/cmd", viper, clickhouse}},
	{of: "stockpush/processor/stream", never: []string{"stockpush/processor"}, except: []string{"stockpush/processor/watermark"}},
	{of: "stockpush/processor/stream/kafka", never: []string{"stockpush/processor"}},
	{of: "stockpush/processor/latest", never: []string{"stockpush/processor", kafka, "log", "sync"}, except: []string{"stockpush/processor/latest"}},
	{of: "stockpush/processor/watermark", never: []string{"stockpush", kafka, "time", "log", "sync"}, except: []string{"stockpush/processor/watermark"}},
	{of: "stockpush/channels", never: []string{"stockpush/processor", "stockpush/sinks", "stockpush/cmd", viper, kafka, clickhouse}, except: runtime},
	{of: "stockpush/channels/shopee", never: []string{"stockpush/processor", "stockpush/sinks"}},
	{of: "stockpush/channels/shopee/api", never: []string{"stockpush/channels/shopee"}, except: []string{"stockpush/channels/shopee/tokens"}},
	{of: "stockpush/channels/shopee/tokens", never: []string{"stockpush"}},
	{of: "stockpush/sinks", never: []string{"stockpush/processor", "stockpush/channels", "stockpush/cmd", viper, kafka}, except: runtime},
	{of: "stockpush/cmd", never: []string{viper}, except: nil},
	// The fault suite uses only the program's outside, and its checker imports no package of stockpush.
	{of: "stockpush/cmd/lab/chaos", never: []string{"stockpush"}, except: []string{"stockpush/cmd/internal/faultproxy"}},
	{of: "stockpush/cmd/internal/faultproxy", never: []string{"stockpush"}},
	{of: "stockpush/cmd/lab/chaos/checker", never: []string{"stockpush/cmd/lab/chaos", "github.com"}},
}

// exempt are the packages that may import what their folder may not.
var exempt = map[string]string{
	"stockpush/cmd/internal/config":                         viper,
	"stockpush/cmd/internal/embedded/clickhouse":            "unsafe",
	"stockpush/cmd/internal/embedded/embeddedtest/launcher": "unsafe",
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// forTests reports whether only tests and cmd/lab may import a package.
func forTests(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return within(path, "stockpush") && name != "latest" && (name == "faultproxy" || strings.HasSuffix(name, "test"))
}

const lab = "stockpush/cmd/lab"

// misplaced returns the imports that mix product and test code, as "importer -> imported": cmd/lab
// is imported by nothing else, and a package for tests only by tests.
func misplaced(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		if within(p.ImportPath, lab) {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if within(imported, lab) {
				found = append(found, p.ImportPath+" -> "+imported)
			}
		}
		for _, imported := range p.Imports {
			if forTests(imported) && !forTests(p.ImportPath) {
				found = append(found, p.ImportPath+" -> "+imported)
			}
		}
	}
	return found
}

// violations returns the imports that a rule forbids, as "importer -> imported".
func violations(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		for _, r := range rules {
			if !within(p.ImportPath, r.of) {
				continue
			}
			for _, imported := range p.Imports {
				forbidden := slices.ContainsFunc(r.never, func(n string) bool { return within(imported, n) })
				allowed := slices.Contains(r.except, imported) || exempt[p.ImportPath] == imported || within(imported, r.of)
				if forbidden && !allowed {
					found = append(found, p.ImportPath+" -> "+imported)
				}
			}
		}
	}
	return found
}

func TestNoPackageImportsUpwards(t *testing.T) {
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	var packages []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.Greater(t, len(packages), 10)
	require.Empty(t, violations(packages))
	require.Empty(t, misplaced(packages))
}

func TestAPlantedViolationIsFound(t *testing.T) {
	planted := []pkg{
		{ImportPath: "stockpush/channels", Imports: []string{"stockpush/processor/stream", "stockpush/processor"}},
		{ImportPath: "stockpush/sinks", Imports: []string{kafka + "/pkg/kgo"}},
		{ImportPath: "stockpush/processor/latest", Imports: []string{"time", "sync"}},
		{ImportPath: "stockpush/cmd/stockpush", Imports: []string{viper, "unsafe"}},
		{ImportPath: "stockpush/cmd/internal/config", Imports: []string{viper}},
		{ImportPath: "stockpush/cmd/lab/chaos/checker", Imports: []string{"encoding/json", "stockpush/schemas"}},
		{ImportPath: "stockpush/cmd/lab/chaos/cluster", Imports: []string{"stockpush/cmd/internal/config", "stockpush/cmd/internal/faultproxy"}},
	}
	require.Equal(t, []string{
		"stockpush/channels -> stockpush/processor", "stockpush/sinks -> " + kafka + "/pkg/kgo",
		"stockpush/processor/latest -> sync", "stockpush/cmd/stockpush -> unsafe", "stockpush/cmd/stockpush -> " + viper,
		"stockpush/cmd/lab/chaos/checker -> stockpush/schemas",
		"stockpush/cmd/lab/chaos/cluster -> stockpush/cmd/internal/config",
	}, violations(planted))
}

func TestAPlantedImportOfTestCodeIsFound(t *testing.T) {
	planted := []pkg{
		{ImportPath: "stockpush/cmd/lab/sim", Imports: []string{"stockpush/channels/channeltest", "stockpush/cmd/lab/chaos/checker"}},
		{ImportPath: "stockpush/cmd/internal/programtest", Imports: []string{"stockpush/cmd/internal/embedded/embeddedtest"}},
		{ImportPath: "stockpush/cmd/internal/service", Imports: []string{"stockpush/cmd/internal/faultproxy"}},
		{ImportPath: "stockpush/schemas", Imports: []string{"stockpush/schemas/schemastest"}},
		{ImportPath: "stockpush/sinks", XTestImports: []string{"stockpush/schemas/schemastest", "stockpush/cmd/lab/sim"}},
	}
	require.Equal(t, []string{
		"stockpush/cmd/internal/service -> stockpush/cmd/internal/faultproxy",
		"stockpush/schemas -> stockpush/schemas/schemastest", "stockpush/sinks -> stockpush/cmd/lab/sim",
	}, misplaced(planted))
}

const root = "../../.."

func TestTopLevelHasOnlyAllowedEntries(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout: ", err)
	}
	allowed := []string{"cmd", "processor", "sinks", "channels", "schemas", "docker-compose.yml", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md"}
	for _, file := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(file, "/")
		require.True(t, slices.Contains(allowed, top) || strings.HasPrefix(top, "."), "%s does not belong at the top level", top)
	}
}

func TestFilesAreSmall(t *testing.T) {
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.LessOrEqual(t, strings.Count(string(content), "\n"), 400, path)
		}
		return nil
	}))
}

// crowded returns the packages below some folders whose files, without tests, have more than so many
// of something; count says how many one file has.
func crowded(t *testing.T, most int, count func(t *testing.T, file string) int, folders ...string) (found []string) {
	counts := map[string]int{}
	for _, folder := range folders {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				counts[filepath.Dir(path)] += count(t, path)
			}
			return err
		}))
	}
	for folder, n := range counts {
		if n > most {
			found = append(found, folder)
		}
	}
	return found
}

func TestPackagesHaveAtMostTwelveFiles(t *testing.T) {
	one := func(*testing.T, string) int { return 1 }
	require.Empty(t, crowded(t, 12, one, "channels", "processor", "schemas", "sinks"))
	require.Contains(t, crowded(t, 1, one, "schemas"), filepath.Join(root, "schemas"))
}

// typesOf counts the types that a file declares at its top level.
func typesOf(t *testing.T, file string) (n int) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, declared := range parsed.Decls {
		if d, ok := declared.(*ast.GenDecl); ok && d.Tok == token.TYPE {
			n += len(d.Specs)
		}
	}
	return n
}

func TestPackagesOfChannelsHaveAtMostTwentyTypes(t *testing.T) {
	require.Empty(t, crowded(t, 20, typesOf, "channels"))
	require.Contains(t, crowded(t, 1, typesOf, "channels"), filepath.Join(root, "channels"))
}

// A second channel must fit into one package: the shared packages name no marketplace.
func TestSharedPackagesNameNoMarketplace(t *testing.T) {
	for _, folder := range []string{"channels", "processor"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		require.NoError(t, err)
		deeper, err := filepath.Glob(filepath.Join(root, folder, "*", "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range append(files, deeper...) {
			if strings.HasSuffix(file, "_test.go") || strings.Contains(file, filepath.Join("channels", "shopee")) {
				continue
			}
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NotContains(t, strings.ToLower(string(content)), "shopee", file)
		}
	}
}
