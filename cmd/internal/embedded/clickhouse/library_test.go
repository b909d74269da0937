package clickhouse

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibraryIsFoundBesideTheProgram(t *testing.T) {
	t.Setenv(LibraryVariable, "")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	program, link := filepath.Join(dir, "checkout", "bin", "stockpush"), filepath.Join(dir, "elsewhere", "stockpush")
	library := filepath.Join(dir, "checkout", ".stockpush", "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
	for _, file := range []string{program, library} {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, nil, 0o700))
	}
	require.NoError(t, os.Mkdir(filepath.Dir(link), 0o700))
	require.NoError(t, os.Symlink(program, link))
	t.Chdir(t.TempDir())
	for _, path := range []string{program, link} {
		found, err := findLibrary(path)
		require.NoError(t, err)
		require.Equal(t, library, found)
	}
	t.Chdir(filepath.Dir(filepath.Dir(program)))
	other := filepath.Join(dir, "other", "bin", "stockpush")
	require.NoError(t, os.MkdirAll(filepath.Dir(other), 0o700))
	require.NoError(t, os.WriteFile(other, nil, 0o700))
	_, err = findLibrary(other)
	require.ErrorIs(t, err, ErrNoLibrary, "the working directory is not searched")
	t.Setenv(LibraryVariable, library)
	found, err := findLibrary(other)
	require.NoError(t, err)
	require.Equal(t, library, found)
}
