package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// EngineArguments are the arguments of RunEngine.
type EngineArguments struct {
	Installation
	// Tables and UserFiles are the only folders in which the engine may open files.
	Tables, UserFiles string
	// Arguments are those of `clickhouse local`.
	Arguments []string
}

func (a EngineArguments) encode() []string {
	return append([]string{a.Library, a.Binary, a.Tables, a.UserFiles}, a.Arguments...)
}

func decodeArguments(words []string) (EngineArguments, error) {
	if len(words) < 5 || (words[0] == "") == (words[1] == "") {
		return EngineArguments{}, errors.New("the engine's arguments are a library or a program, two folders and ClickHouse's arguments")
	}
	return EngineArguments{Installation{words[0], words[1]}, words[2], words[3], words[4:]}, nil
}

// ownProcess is where the engine reads its memory usage.
const ownProcess = "/proc/self"

// RunEngine serves until standard input is closed. A child process does this alone, because the
// library terminates its process when it fails, and a program replaces the process. words are those
// of EngineArguments.
//
// ClickHouse's function file can open any file, so the process first restricts itself to two
// folders. A program can also read the files that it needs to start.
func RunEngine(words []string) error {
	a, err := decodeArguments(words)
	if err != nil {
		return err
	}
	if a.Binary != "" {
		return a.runBinary()
	}
	return a.runLibrary()
}

// access names the files that a confined process may open.
type access struct {
	// writable are folders in which everything is allowed.
	writable []string
	// readable are folders and files that may be read and executed.
	readable []string
}

// confine restricts the calling thread, and everything it starts, to the engine's folders.
func (a EngineArguments) confine(readable ...string) error {
	err := confine(access{writable: []string{a.Tables, a.UserFiles, ownProcess}, readable: readable})
	if errors.Is(err, errNoLandlock) { // Start has logged a warning
		return nil
	}
	return err
}

// programFiles are what a program needs to start: itself and the system's libraries.
func (a EngineArguments) programFiles() []string {
	return []string{filepath.Dir(a.Binary), "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}
}

// runBinary replaces this process with the program, which inherits restrictions and standard input.
func (a EngineArguments) runBinary() error {
	runtime.LockOSThread()
	if err := a.confine(a.programFiles()...); err != nil {
		return err
	}
	words := append([]string{a.Binary, "local"}, a.Arguments...)
	return fmt.Errorf("start %s: %w", a.Binary, syscall.Exec(a.Binary, words, os.Environ()))
}
