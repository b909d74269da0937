//go:build !(linux || darwin) || static

package clickhouse

import "errors"

// errNoLibraryHere reports that this build cannot load ClickHouse's library. A static build cannot,
// and therefore also runs on systems without the GNU C library.
var errNoLibraryHere = errors.New("this build of stockpush cannot load ClickHouse's library: set " + BinaryVariable +
	" to an installed clickhouse program instead, or build stockpush from its source on Linux or macOS")

func (a EngineArguments) runLibrary() error { return errNoLibraryHere }
