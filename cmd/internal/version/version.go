// Package version says which build this is. The build sets Commit.
package version

import "runtime"

// Release is the version of this source. CHANGELOG.md begins with it, below what is unreleased.
const Release = "0.1.0"

// Version and Commit are set with -ldflags "-X …" by builds that know better.
var (
	Version = Release
	Commit  = "unknown"
)

// String is the one line of the `version` command.
func String() string {
	return "stockpush " + Version + " (commit " + Commit + ", " + runtime.Version() + ")"
}
