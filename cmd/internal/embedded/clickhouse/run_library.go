//go:build (linux || darwin) && !static

package clickhouse

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// errNoLibraryHere is nil: this build can load ClickHouse's library.
var errNoLibraryHere error

// runLibrary loads the library and serves until standard input is closed.
func (a EngineArguments) runLibrary() error {
	handle, err := purego.Dlopen(a.Library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", a.Library, err)
	}
	var query func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterLibFunc(&query, handle, "chdb_query_cmdline")
	arguments := append([]string{"clickhouse-local"}, a.Arguments...)
	argv := make([]*byte, len(arguments)+1)
	for i, arg := range arguments {
		argv[i] = &append([]byte(arg), 0)[0]
	}
	runtime.LockOSThread() // the restriction applies to this thread and all threads of the library
	if err := a.confine(); err != nil {
		return err
	}
	query(int32(len(arguments)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	return nil
}
