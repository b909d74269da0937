//go:build linux || darwin

// Command launcher stands for an installed clickhouse program in tests: `launcher local …` runs
// the library in the same folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "launcher:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	if len(words) == 0 || words[0] != "local" {
		return fmt.Errorf("the only command is local, not %q", words)
	}
	if slices.Equal(words[1:], []string{"--version"}) { // the library fails when it is asked in this way
		words = []string{"local", "--query", "SELECT 'ClickHouse local version ' || version() || '.'"}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	handle, err := purego.Dlopen(filepath.Join(filepath.Dir(self), "libchdb.so"), purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return err
	}
	var query func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterLibFunc(&query, handle, "chdb_query_cmdline")
	argv := []*byte{&[]byte("clickhouse-local\x00")[0]}
	for _, word := range words[1:] {
		argv = append(argv, &append([]byte(word), 0)[0])
	}
	var buffer func(result unsafe.Pointer) *byte
	var length func(result unsafe.Pointer) uintptr
	purego.RegisterLibFunc(&buffer, handle, "chdb_result_buffer")
	purego.RegisterLibFunc(&length, handle, "chdb_result_length")
	result := query(int32(len(argv)), unsafe.Pointer(&append(argv, nil)[0]))
	_, err = os.Stdout.Write(unsafe.Slice(buffer(result), length(result)))
	return err
}
