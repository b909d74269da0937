package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// LibraryVariable names the environment variable with the library's path.
const LibraryVariable = "STOCKPUSH_LIBCHDB"

// ErrNoLibrary reports that ClickHouse's library is not installed.
var ErrNoLibrary = errors.New("the embedded ClickHouse's library is not installed (run `make clickhouse-lib`, which needs npm and Linux on x86-64; " +
	"or set " + LibraryVariable + " to its path; or use your own ClickHouse with clickhouse.addr; or docker compose up)")

// FindLibrary returns the path of the library: the one in the environment, or the one that `make
// clickhouse-lib` installs in .stockpush beside the program's folder. It is independent of the
// working directory and the data directory.
func FindLibrary() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the embedded ClickHouse's library: %w", err)
	}
	return findLibrary(program)
}

func findLibrary(program string) (string, error) {
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", fmt.Errorf("find the embedded ClickHouse's library: %w", err)
	}
	return FindLibraryIn(filepath.Join(filepath.Dir(program), "..", ".stockpush"))
}

// FindLibraryIn is FindLibrary with another installation folder.
func FindLibraryIn(installed string) (string, error) {
	path := os.Getenv(LibraryVariable)
	if path == "" {
		path = filepath.Join(installed, "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: %w", path, ErrNoLibrary)
	}
	return filepath.Abs(path)
}

func platform() string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return "linux-x64-gnu"
	}
	return runtime.GOOS + "-" + runtime.GOARCH
}

// EngineArguments are the arguments of RunEngine.
type EngineArguments struct {
	// Library is the path of libchdb.so.
	Library string
	// Tables and UserFiles are the only folders in which the engine may open files.
	Tables, UserFiles string
	// Arguments are passed to the library.
	Arguments []string
}

func (a EngineArguments) encode() []string {
	return append([]string{a.Library, a.Tables, a.UserFiles}, a.Arguments...)
}

func decodeArguments(words []string) (EngineArguments, error) {
	if len(words) < 4 {
		return EngineArguments{}, errors.New("the engine's arguments are a library, two folders and the library's arguments")
	}
	return EngineArguments{words[0], words[1], words[2], words[3:]}, nil
}

// ownProcess is where the library reads its memory usage.
const ownProcess = "/proc/self"

// RunEngine loads the library and serves until standard input is closed. A child process does this
// alone, because the library terminates its process when it fails. words are those of
// EngineArguments.
//
// ClickHouse's function file can open any file, so the process first restricts itself to two
// folders.
func RunEngine(words []string) error {
	a, err := decodeArguments(words)
	if err != nil {
		return err
	}
	handle, err := purego.Dlopen(a.Library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", a.Library, err)
	}
	var query func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterLibFunc(&query, handle, "chdb_query_cmdline")
	argv := make([]*byte, len(a.Arguments)+1)
	for i, arg := range a.Arguments {
		argv[i] = &append([]byte(arg), 0)[0]
	}
	runtime.LockOSThread()                                                                               // the restriction applies to this thread and all threads of the library
	if err := confine(a.Tables, a.UserFiles, ownProcess); err != nil && !errors.Is(err, errNoLandlock) { // Start has logged a warning
		return err
	}
	query(int32(len(a.Arguments)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	return nil
}
