package programtest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// built is the program that Build built, and its folder.
var built struct {
	sync.Mutex
	dir, path string
}

// Build builds the program once per test binary. The binary's TestMain must call Remove.
func Build(t testing.TB) (path string) {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.path != "" {
		return built.path
	}
	dir, err := os.MkdirTemp("", "stockpush-test-")
	require.NoError(t, err)
	path = filepath.Join(dir, "stockpush")
	out, err := exec.Command("go", "build", "-o", path, "stockpush/cmd/stockpush").CombinedOutput()
	require.NoError(t, err, "%s", out)
	built.dir, built.path = dir, path
	return path
}

// Remove removes the built program.
func Remove() {
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a leftover in the temporary folder does no harm
	}
}

// Process is a running program. Its output is kept in memory.
type Process struct {
	Cmd *exec.Cmd

	t   testing.TB
	log Log
}

// Start starts a program and kills it when the test ends.
func Start(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, Cmd: exec.Command(path, args...)}
	p.Cmd.Stdout, p.Cmd.Stderr = &p.log, &p.log
	require.NoError(t, p.Cmd.Start())
	t.Cleanup(func() { _ = p.Cmd.Process.Kill(); _ = p.Cmd.Wait() })
	return p
}

// Log returns the program's output so far.
func (p *Process) Log() []byte { return p.log.Bytes() }

// EventuallyLogged waits until the program has written a text.
func (p *Process) EventuallyLogged(text string) {
	p.t.Helper()
	logged := func() bool { return bytes.Contains(p.Log(), []byte(text)) }
	require.Eventually(p.t, logged, 30*time.Second, 20*time.Millisecond, "%q is not in the log", text)
}

// Terminate sends SIGTERM and requires exit code 0.
func (p *Process) Terminate() {
	p.t.Helper()
	require.NoError(p.t, p.Cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.Cmd.Wait(), string(p.Log()))
}

// Kill kills the program.
func (p *Process) Kill() {
	p.t.Helper()
	require.NoError(p.t, p.Cmd.Process.Kill())
	_ = p.Cmd.Wait() // its error says that the process was killed
}

// AwaitMetric waits until the sum of a metric's series is at least want.
func (p *Process) AwaitMetric(name string, want float64) {
	p.t.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	for p.Metric(name) < want {
		require.True(p.t, time.Now().Before(deadline), "%s is %v, not %v", name, p.Metric(name), want)
		<-time.After(100 * time.Millisecond)
	}
}

// Metric returns the sum of a metric's series.
func (p *Process) Metric(name string) (sum float64) {
	p.t.Helper()
	for series, value := range p.Metrics() {
		if series == name || strings.HasPrefix(series, name+"{") {
			sum += value
		}
	}
	return sum
}

// Metrics returns the value of every series that /metrics shows, by its name and labels.
func (p *Process) Metrics() map[string]float64 {
	p.t.Helper()
	ops := regexp.MustCompile(`ops.listen=(\S+)`).FindSubmatch(p.Log())
	require.Len(p.t, ops, 2)
	res, err := http.Get("http://" + string(ops[1]) + "/metrics")
	require.NoError(p.t, err, "the program's log ends with\n%s", tail(p.Log()))
	defer func() { _ = res.Body.Close() }()
	all := map[string]float64{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		end := strings.LastIndexByte(lines.Text(), ' ')
		value, err := strconv.ParseFloat(lines.Text()[end+1:], 64)
		require.NoError(p.t, err)
		all[lines.Text()[:end]] = value
	}
	return all
}

func tail(log []byte) []byte { return log[max(0, len(log)-4<<10):] }

// PeakMiB returns the process's peak resident memory.
func (p *Process) PeakMiB() float64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	require.NoError(p.t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.Len(p.t, peak, 2)
	kib, err := strconv.ParseFloat(string(peak[1]), 64)
	require.NoError(p.t, err)
	return kib / 1024
}

// Log collects what is written to it. It is safe for concurrent use; its zero value is empty.
type Log struct {
	mu  sync.Mutex
	all []byte
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, p...)
	return len(p), nil
}

// Bytes returns a copy of what was written so far.
func (l *Log) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all)
}
