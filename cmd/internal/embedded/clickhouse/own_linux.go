package clickhouse

import (
	"os/exec"
	"syscall"
)

// own puts the engine in a process group of its own, so that the terminal's
// interrupt reaches only us and we can end it in order.
func own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
