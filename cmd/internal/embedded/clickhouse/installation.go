package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// The environment variables that name what serves as the engine.
const (
	// LibraryVariable is the path of libchdb.so.
	LibraryVariable = "STOCKPUSH_LIBCHDB"
	// BinaryVariable is the path of a clickhouse program.
	BinaryVariable = "STOCKPUSH_CLICKHOUSE_BIN"
)

var (
	// ErrNoEngine reports that neither ClickHouse's library nor its program is installed.
	ErrNoEngine = errors.New("no ClickHouse to embed is installed (on Linux on x86-64 run `make clickhouse-lib`, which needs npm, or set " + LibraryVariable +
		" to the library's path; elsewhere install ClickHouse, for example with `brew install clickhouse`, or set " + BinaryVariable +
		" to its path; or use your own server with clickhouse.addr; or docker compose up)")
	// ErrOldBinary reports that the installed ClickHouse is too old.
	ErrOldBinary = errors.New("this ClickHouse is too old to be embedded: install version " + minVersion.String() + " or later")
	// errNoWindows names the alternatives on Windows.
	errNoWindows = errors.New("there is no ClickHouse to embed for Windows: use WSL 2, or your own server with clickhouse.addr, or docker compose up")
)

// release is a version of ClickHouse.
type release struct{ year, month int }

// minVersion is the oldest supported version. `clickhouse local` of older ones does not serve the
// native and HTTP protocols. The library has this version.
var minVersion = release{26, 7}

func (r release) String() string { return fmt.Sprintf("%d.%d", r.year, r.month) }

func (r release) before(other release) bool {
	return r.year < other.year || r.year == other.year && r.month < other.month
}

// Installation is the ClickHouse of this machine that can be embedded: a library or a program.
type Installation struct {
	// Library is the path of libchdb.so; empty if Binary is used.
	Library string
	// Binary is the path of the program clickhouse; empty if Library is used.
	Binary string
}

// Find returns the ClickHouse to embed: the one in the environment, else the library that `make
// clickhouse-lib` installs in .stockpush beside the program's folder, else the program clickhouse
// on the PATH. It is independent of the working directory and the data directory.
func Find(ctx context.Context) (Installation, error) {
	program, err := os.Executable()
	if err != nil {
		return Installation{}, fmt.Errorf("find the embedded ClickHouse: %w", err)
	}
	return findBeside(ctx, program)
}

func findBeside(ctx context.Context, program string) (Installation, error) {
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return Installation{}, fmt.Errorf("find the embedded ClickHouse: %w", err)
	}
	return FindIn(ctx, filepath.Join(filepath.Dir(program), "..", ".stockpush"))
}

// FindIn is Find with another installation folder.
func FindIn(ctx context.Context, installed string) (Installation, error) {
	if runtime.GOOS == "windows" {
		return Installation{}, errNoWindows
	}
	if path := os.Getenv(LibraryVariable); path != "" {
		return namedLibrary(path)
	}
	if path := os.Getenv(BinaryVariable); path != "" {
		return usableBinary(ctx, path)
	}
	library := filepath.Join(installed, "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
	if _, err := os.Stat(library); err == nil && errNoLibraryHere == nil {
		return namedLibrary(library)
	}
	binary, err := exec.LookPath("clickhouse")
	if err != nil {
		return Installation{}, fmt.Errorf("neither %s nor a program clickhouse on the PATH: %w", library, ErrNoEngine)
	}
	return usableBinary(ctx, binary)
}

func namedLibrary(path string) (Installation, error) {
	if errNoLibraryHere != nil {
		return Installation{}, fmt.Errorf("%s: %w", path, errNoLibraryHere)
	}
	if _, err := os.Stat(path); err != nil {
		return Installation{}, fmt.Errorf("%s: %w", path, ErrNoEngine)
	}
	path, err := filepath.Abs(path)
	return Installation{Library: path}, err
}

// usableBinary resolves links, because the engine may open files in the folder of the real path.
func usableBinary(ctx context.Context, path string) (Installation, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return Installation{}, fmt.Errorf("%w: %w", err, ErrNoEngine)
	}
	version, err := versionOf(ctx, real)
	if err != nil {
		return Installation{}, err
	}
	if version.before(minVersion) {
		return Installation{}, fmt.Errorf("%s has version %v: %w", real, version, ErrOldBinary)
	}
	return Installation{Binary: real}, nil
}

// versionTimeout limits the time to print a version.
const versionTimeout = 30 * time.Second

var toldVersion = regexp.MustCompile(`(?i)clickhouse.* version (\d+)\.(\d+)\.`)

func versionOf(ctx context.Context, binary string) (release, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "local", "--version")
	cmd.Env = []string{"TZ=UTC"} // without our environment, which may hold secrets
	out, err := cmd.Output()
	if err != nil {
		return release{}, fmt.Errorf("ask %s for its version: %w", binary, err)
	}
	words := toldVersion.FindSubmatch(out)
	if words == nil {
		return release{}, fmt.Errorf("%s does not tell a version of ClickHouse: %w", binary, ErrNoEngine)
	}
	year, _ := strconv.Atoi(string(words[1])) // digits, as the pattern says
	month, _ := strconv.Atoi(string(words[2]))
	return release{year, month}, nil
}

func platform() string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return "linux-x64-gnu"
	}
	return runtime.GOOS + "-" + runtime.GOARCH
}
