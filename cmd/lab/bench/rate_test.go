package bench

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usage is what some work has used so far.
type usage struct {
	at     time.Time
	cpu    time.Duration
	allocs uint64
}

// restart excludes the work so far from the rate, but not from its resource usage.
func (p *pipeline) restart() { p.began = time.Now() }

// rate returns how many things per second the work did. It also reports the processor time for
// each, which is more reliable on a shared machine. Profiles are written to
// STOCKPUSH_BENCH_PROFILES, if set.
func (p *pipeline) rate(name string, work func() int) float64 {
	runtime.GC()
	finish := profile(p.b, p.load.name+"-"+name)
	before := use(p.b)
	p.began = before.at
	n := work()
	after := use(p.b)
	finish()
	p.b.ReportMetric(float64((after.cpu-before.cpu).Nanoseconds())/float64(n), name+"-cpu-ns")
	p.b.ReportMetric(float64(after.allocs-before.allocs)/float64(n), name+"-allocs")
	return float64(n) / after.at.Sub(p.began).Seconds()
}

func use(b *testing.B) usage {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{at: time.Now(), cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()), allocs: m.Mallocs}
}

// profile starts profiles of processor time and of allocations. Allocations are counted from the
// process's start; use `go tool pprof -diff_base NAME-before.allocs.pprof`.
func profile(b *testing.B, name string) (finish func()) {
	dir := os.Getenv("STOCKPUSH_BENCH_PROFILES")
	if dir == "" {
		return func() {}
	}
	create := func(suffix string) *os.File {
		file, err := os.Create(filepath.Join(dir, name+suffix))
		require.NoError(b, err)
		return file
	}
	allocs := func(suffix string) {
		file := create(suffix)
		require.NoError(b, pprof.Lookup("allocs").WriteTo(file, 0))
		require.NoError(b, file.Close())
	}
	allocs("-before.allocs.pprof")
	file := create(".cpu.pprof")
	require.NoError(b, pprof.StartCPUProfile(file))
	return func() {
		pprof.StopCPUProfile()
		require.NoError(b, file.Close())
		allocs(".allocs.pprof")
	}
}
