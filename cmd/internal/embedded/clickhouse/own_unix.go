//go:build unix

package clickhouse

import (
	"os/exec"
	"syscall"
)

// own puts the engine into its own process group, so that the terminal's interrupt reaches only the
// parent, which shuts the engine down.
func own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
