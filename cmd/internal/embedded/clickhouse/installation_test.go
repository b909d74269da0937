package clickhouse

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// noEngine hides what the machine has.
func noEngine(t *testing.T) {
	t.Setenv(LibraryVariable, "")
	t.Setenv(BinaryVariable, "")
	t.Setenv("PATH", t.TempDir())
}

func makeFile(t *testing.T, text string, path ...string) string {
	file := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o700))
	return file
}

// realTemp is a temporary folder without symbolic links in its path.
func realTemp(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

func TestTheLibraryIsFoundBesideTheProgram(t *testing.T) {
	noEngine(t)
	dir := realTemp(t)
	program, link := makeFile(t, "", dir, "checkout", "bin", "stockpush"), filepath.Join(dir, "elsewhere", "stockpush")
	library := makeFile(t, "", dir, "checkout", ".stockpush", "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
	require.NoError(t, os.Mkdir(filepath.Dir(link), 0o700))
	require.NoError(t, os.Symlink(program, link))
	t.Chdir(t.TempDir())
	for _, path := range []string{program, link} {
		found, err := findBeside(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, Installation{Library: library}, found)
	}
	t.Chdir(filepath.Dir(filepath.Dir(program)))
	other := makeFile(t, "", dir, "other", "bin", "stockpush")
	_, err := findBeside(t.Context(), other)
	require.ErrorIs(t, err, ErrNoEngine, "the working directory does not matter")
	t.Setenv(LibraryVariable, library)
	found, err := findBeside(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, Installation{Library: library}, found)
}

// says is a program that answers as `clickhouse local --version` does.
func says(t *testing.T, version string) string {
	return makeFile(t, "#!/bin/sh\n[ \"$*\" = 'local --version' ] && echo '"+version+"'\n", realTemp(t), "clickhouse")
}

const enough = "ClickHouse local version 26.7.1.1 (official build)."

func TestAnInstalledProgramIsUsedWhereThereIsNoLibrary(t *testing.T) {
	noEngine(t)
	onPath, named := says(t, enough), says(t, "ClickHouse local version 27.1.4.35 (Homebrew).")
	t.Setenv("PATH", filepath.Dir(onPath))
	found, err := FindIn(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.Equal(t, Installation{Binary: onPath}, found)
	installed := t.TempDir()
	library := makeFile(t, "", installed, "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
	found, err = FindIn(t.Context(), installed)
	require.NoError(t, err)
	require.Equal(t, Installation{Library: library}, found)
	link := filepath.Join(t.TempDir(), "ch")
	require.NoError(t, os.Symlink(named, link))
	t.Setenv(BinaryVariable, link)
	found, err = FindIn(t.Context(), installed)
	require.NoError(t, err)
	require.Equal(t, Installation{Binary: named}, found, "what the environment names wins")
}

func TestAProgramThatCannotServeIsRefused(t *testing.T) {
	noEngine(t)
	for version, want := range map[string]error{
		"ClickHouse local version 26.6.9.9 (official build).": ErrOldBinary,
		"ClickHouse local version 25.12.1.1.":                 ErrOldBinary,
		"clickhouse-go 2":                                     ErrNoEngine,
	} {
		t.Setenv(BinaryVariable, says(t, version))
		_, err := FindIn(t.Context(), t.TempDir())
		require.ErrorIs(t, err, want, version)
	}
	t.Setenv(BinaryVariable, filepath.Join(t.TempDir(), "none"))
	_, err := FindIn(t.Context(), t.TempDir())
	require.ErrorIs(t, err, ErrNoEngine)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNoInstallationIsSaidWithWhatToDo(t *testing.T) {
	noEngine(t)
	_, err := FindIn(t.Context(), t.TempDir())
	require.ErrorIs(t, err, ErrNoEngine)
	for _, advice := range []string{"make clickhouse-lib", "brew install clickhouse", BinaryVariable, LibraryVariable} {
		require.ErrorContains(t, err, advice)
	}
}
