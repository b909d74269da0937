// Package version says which build this is. The build sets its variables.
package version

import "runtime"

// Set with -ldflags "-X …" by the build.
var (
	Version = "dev"
	Commit  = "unknown"
)

// String is the one line of the `version` command.
func String() string {
	return "stockpush " + Version + " (commit " + Commit + ", " + runtime.Version() + ")"
}
