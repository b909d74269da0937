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

// ErrNoLibrary says that ClickHouse's library is not on this machine.
var ErrNoLibrary = errors.New("the embedded ClickHouse's library is not installed (run `make clickhouse-lib`, which needs npm and Linux on x86-64; " +
	"or set " + LibraryVariable + " to its path; or use your own ClickHouse with clickhouse.addr; or docker compose up)")

// FindLibrary is the path of the library: where the environment says, or where
// `make clickhouse-lib` puts it, in .stockpush beside the folder of the program.
// Neither the working directory nor a data directory matters.
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

// FindLibraryIn is FindLibrary with the folder that make installs into.
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

// EngineArguments are what RunEngine is given.
type EngineArguments struct {
	// Library is the path of libchdb.so.
	Library string
	// Tables and UserFiles are the only folders whose files the engine may open.
	Tables, UserFiles string
	// Arguments are the library's own.
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

// ownProcess is what the library reads to know its memory.
const ownProcess = "/proc/self"

// RunEngine loads the library and serves until standard input closes. It is
// the whole work of the child process, which must do nothing else: the library
// ends its process when it fails. Words are those of EngineArguments.
//
// Whoever may ask ClickHouse may use its function file, which the library lets
// open any file. So the kernel keeps it to two folders.
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
	runtime.LockOSThread()                                                                               // confined from here on, with all threads of the library
	if err := confine(a.Tables, a.UserFiles, ownProcess); err != nil && !errors.Is(err, errNoLandlock) { // Start has warned of it
		return err
	}
	query(int32(len(a.Arguments)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	return nil
}
