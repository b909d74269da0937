// Package version identifies the build. The build sets its variables.
package version

import "runtime"

// Release is the version of this source. It is the newest released version in CHANGELOG.md.
const Release = "0.1.0"

// Version and Commit are set by the build with -ldflags "-X …".
var (
	Version = Release
	Commit  = "unknown"
)

// String returns the line that the command "version" prints.
func String() string {
	return "stockpush " + Version + " (commit " + Commit + ", " + runtime.Version() + ")"
}
