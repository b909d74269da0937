package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// endLimit bounds an end: a service manager is told 30 s, and the process has to go too.
const endLimit = 27 * time.Second

// errUnfinished says that work did not end in time after its context did.
var errUnfinished = errors.New("the end took too long")

// endingWithin does work and returns its error, or errUnfinished if that has not
// come so long after ctx ended. The work then ends with the process, as by a
// kill: what it has not settled is for whoever owns its partitions next.
func endingWithin(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	ended := make(chan error, 1)
	go func() { ended <- work(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return errUnfinished
	}
}

// errInterrupted ends a command that a signal aborted.
var errInterrupted = errors.New("interrupted")

// abortable lets the first signal end a command that only reads, whatever it waits
// for: not every client gives up waiting for an answer when its context ends.
func abortable(cmd *cobra.Command) *cobra.Command {
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := endingWithin(cmd.Context(), 0, func(context.Context) error { return work(cmd, args) })
		if errors.Is(err, errUnfinished) {
			return errInterrupted
		}
		return err
	}
	return cmd
}
