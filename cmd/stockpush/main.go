// Command stockpush keeps a seller's stock on Shopee current and records the outcome of every
// trigger. Each command has a file here; the wiring is in cmd/internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The contract's exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its dependencies as parameters, so that deferred calls run before the exit.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := stoppable(stderr)
	defer stop()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), stderr)
}

// stoppable returns a context that ends at the first SIGINT or SIGTERM. A second signal exits at
// once.
func stoppable(stderr io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		_, _ = fmt.Fprintln(stderr, "stockpush: second signal, stopping at once")
		os.Exit(exitFailed)
	}()
	return ctx, cancel
}

// usageError reports bad usage or configuration: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// silentError exits with a code; the command has already printed everything.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if silent, ok := errors.AsType[*silentError](err); ok {
		return silent.code
	}
	_, _ = fmt.Fprintln(stderr, "stockpush:", err)
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
