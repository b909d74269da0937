package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// servers returns the lines of a file that create or run an HTTP server without package webserver.
func servers(t *testing.T, path string, source any) (found []string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(node ast.Node) bool {
		if s, ok := node.(*ast.SelectorExpr); ok {
			if of, ok := s.X.(*ast.Ident); ok && of.Name == "http" {
				switch s.Sel.Name {
				case "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS":
					found = append(found, files.Position(s.Pos()).String())
				}
			}
		}
		if literal, ok := node.(*ast.CompositeLit); ok {
			if s, ok := literal.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Server" {
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "http" {
					found = append(found, files.Position(s.Pos()).String())
				}
			}
		}
		return true
	})
	return found
}

func TestEveryHTTPServerHasTheLimitsAndTheLog(t *testing.T) {
	require.Len(t, servers(t, "planted.go", "package p\nvar s = &http.Server{}\nfunc f() { http.ListenAndServe(a, nil); other.Serve() }"), 2)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || entry.Name() == "lab") {
			return filepath.SkipDir
		}
		product := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && filepath.Base(filepath.Dir(path)) != "webserver"
		if product {
			require.Empty(t, servers(t, path, nil), "make it with webserver.New")
		}
		return nil
	}))
}
