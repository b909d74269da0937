// Command stockpush keeps a seller's stock right on Shopee and records what
// became of every trigger. It has a file a command; the wiring lies in
// cmd/internal.
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

// Exit codes of the contract.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings passed in, so that deferred calls happen
// before the exit.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := stoppable(stderr)
	defer stop()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), stderr)
}

// stoppable ends its context at the first SIGINT or SIGTERM; the second one
// stops the program at once.
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

// usageError is bad usage or configuration: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// silentError ends the program with its code; the command has said all there is to say.
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
