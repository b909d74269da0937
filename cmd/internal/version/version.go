// Package version identifies the build. The build sets its variables.
package version

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

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

// Register adds the metric that names the build. Its value is always 1.
func Register(r prometheus.Registerer) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "stockpush_build_info", Help: "Build of the process: version, commit and Go version; the value is 1.",
	}, []string{"version", "commit", "go_version"})
	r.MustRegister(info)
	info.WithLabelValues(Version, Commit, runtime.Version()).Set(1)
}
