//go:build !linux

package main

import (
	"os"
	"testing"
)

// pty opens a terminal; tests do so on Linux only.
func pty(t *testing.T) (terminal *os.File, end func() string) {
	t.Skip("terminals are tested on Linux")
	return nil, nil
}
