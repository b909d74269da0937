package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program that can be started, killed, stopped and restarted. Its methods are safe for
// concurrent use, and do nothing if there is nothing to do.
type Process struct {
	Name string
	// command returns the command of each start.
	command func() *exec.Cmd
	// ready is what it prints once it serves. Otherwise it serves once it listens at an address.
	ready, listens string
	log            string

	mu      sync.Mutex
	running *life
	// again restarts the process when it exits unexpectedly, as a service manager does.
	again bool
	// deaths are unexpected exits, and exits with an error.
	deaths []string
}

// life is a process from its start to its exit.
type life struct {
	cmd   *exec.Cmd
	ready chan struct{}
	ended chan struct{}
	// wanted says that its exit was requested, asked that it was signalled.
	wanted bool
	asked  sync.Once
}

// startTimeout limits the wait for a process to serve on a busy machine.
const startTimeout = 60 * time.Second

// Start starts the process if it does not run.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		return nil
	}
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	l := &life{cmd: p.command(), ready: make(chan struct{}), ended: make(chan struct{})}
	out := &watcher{to: file, word: []byte(p.ready), seen: l.ready}
	l.cmd.Stdout, l.cmd.Stderr = out, out
	dieWithUs(l.cmd)
	if err := l.cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", p.Name, err), file.Close())
	}
	p.running = l
	go p.wait(l, file) // ends with the process, which Close kills
	return nil
}

func (p *Process) wait(l *life, log *os.File) {
	err := l.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = log.Close()
	if p.running == l {
		p.running = nil
	}
	if !l.wanted {
		p.deaths = append(p.deaths, fmt.Sprintf("%s exited unexpectedly: %v: %s", p.Name, err, p.lastWords()))
		if p.again {
			time.AfterFunc(restartAfter, func() { _ = p.Start() }) // the end of the run finds a missing process
		}
	}
	close(l.ended)
}

// restartAfter is the delay before a restart.
const restartAfter = time.Second

// lastWords returns the last line of the log.
func (p *Process) lastWords() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return string(lines[len(lines)-1])
}

// Await waits until the process serves.
func (p *Process) Await() error {
	l := p.life(false)
	if l == nil {
		return fmt.Errorf("%s does not run", p.Name)
	}
	if p.listens != "" {
		go l.awaitListener(p.listens)
	}
	select {
	case <-l.ready:
		return nil
	case <-l.ended:
		return fmt.Errorf("%s ended before it served (its log: %s)", p.Name, p.log)
	case <-time.After(startTimeout):
		return fmt.Errorf("%s did not serve within %v (its log: %s)", p.Name, startTimeout, p.log)
	}
}

// awaitListener polls until the address accepts connections or the process has exited.
func (l *life) awaitListener(address string) {
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			close(l.ready)
			return
		}
		select {
		case <-l.ended:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// life returns the running process, or nil.
func (p *Process) life(endWanted bool) *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil && endWanted {
		p.running.wanted = true
	}
	return p.running
}

// Kill kills the process and waits.
func (p *Process) Kill() {
	if l := p.life(true); l != nil {
		_ = l.cmd.Process.Kill() // fails if it has exited
		<-l.ended
	}
}

// termTimeout is the contract's limit for a shutdown.
const termTimeout = 30 * time.Second

// Term sends SIGTERM and waits. It records a process that does not exit in time or exits with an
// error.
func (p *Process) Term() {
	l := p.life(true)
	if l == nil {
		return
	}
	// A second signal would stop it at once.
	l.asked.Do(func() { _ = l.cmd.Process.Signal(syscall.SIGTERM) })
	select {
	case <-l.ended:
		if code := l.cmd.ProcessState.ExitCode(); code != 0 && !killed(l) {
			p.note(fmt.Sprintf("%s ended with %v after SIGTERM: %s", p.Name, l.cmd.ProcessState, p.lastWords()))
		}
	case <-time.After(termTimeout):
		p.note(fmt.Sprintf("%s did not end within %v of SIGTERM", p.Name, termTimeout))
		p.Kill()
	}
}

// killed reports whether another fault killed it meanwhile.
func killed(l *life) bool {
	status, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *Process) note(death string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths = append(p.deaths, death)
}

// Signal sends a signal, such as SIGSTOP, if the process runs.
func (p *Process) Signal(s syscall.Signal) bool {
	l := p.life(false)
	return l != nil && l.cmd.Process.Signal(s) == nil
}

// Running reports whether it runs.
func (p *Process) Running() bool { return p.life(false) != nil }

// Deaths returns the unexpected exits.
func (p *Process) Deaths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaths
}

// watcher copies output, and closes seen when a text was written.
type watcher struct {
	to   *os.File
	word []byte
	seen chan struct{}
	tail []byte
	done bool
}

// Write is called by one goroutine of os/exec.
func (w *watcher) Write(b []byte) (int, error) {
	if !w.done && len(w.word) > 0 {
		w.tail = append(w.tail, b...)
		if bytes.Contains(w.tail, w.word) {
			w.done = true
			close(w.seen)
		}
		w.tail = w.tail[max(0, len(w.tail)-len(w.word)):]
	}
	return w.to.Write(b)
}
