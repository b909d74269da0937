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
	"or use your own ClickHouse with clickhouse.addr; or docker compose up)")

// FindLibrary is the path of the library: where the environment says, or
// where npm puts it below the data directory.
func FindLibrary(dataDir string) (string, error) {
	path := os.Getenv(LibraryVariable)
	if path == "" {
		path = filepath.Join(dataDir, "npm", "node_modules", "@chdb", "lib-"+platform(), "libchdb.so")
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

// RunEngine loads the library and serves until standard input closes. It is
// the whole work of the child process, which must do nothing else: the library
// ends its process when it fails.
func RunEngine(library string, args []string) error {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", library, err)
	}
	var query func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterLibFunc(&query, handle, "chdb_query_cmdline")
	argv := make([]*byte, len(args)+1)
	for i, arg := range args {
		argv[i] = &append([]byte(arg), 0)[0]
	}
	query(int32(len(args)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	return nil
}
