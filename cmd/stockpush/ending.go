package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// endLimit limits the shutdown. Service managers wait 30 s, which includes the exit of the
// process.
const endLimit = 27 * time.Second

// errUnfinished reports that work did not end in time after its context did.
var errUnfinished = errors.New("the shutdown took too long")

// endingWithin runs work and returns its error, or errUnfinished if the work has not returned
// within limit after ctx ended. The process then exits as if killed; the partitions' next owners
// take over what was not resolved.
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

// errInterrupted ends a command that a signal interrupted.
var errInterrupted = errors.New("interrupted")

// writeLimit is how long a command that publishes or creates something may take after a signal to
// finish what it began and to say what it did.
const writeLimit = 5 * time.Second

// abortable lets the first signal end a command that only reads.
func abortable(cmd *cobra.Command) *cobra.Command { return abortableWithin(0, cmd) }

// abortableWithin ends a command at the latest limit after the first signal. Not every client stops
// waiting for an answer when its context ends.
func abortableWithin(limit time.Duration, cmd *cobra.Command) *cobra.Command {
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := endingWithin(cmd.Context(), limit, func(context.Context) error { return work(cmd, args) })
		if errors.Is(err, errUnfinished) {
			return errInterrupted
		}
		return err
	}
	return cmd
}
