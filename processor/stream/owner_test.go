package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type handlerFunc func(ctx context.Context, a *Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *Assignment) error { return f(ctx, a) }

func manual(t *testing.T, h handlerFunc) (m *Manual, failed chan error) {
	failed = make(chan error, 1)
	return RunManual(t.Context(), ManualConfig{Topic: "in", Alive: func() bool { return true }, Failed: func(err error) { failed <- err }}, h), failed
}

// A producer answers what is cut off with an error, which the handler may pass on.
func TestTheErrorOfAHandlerThatWasCutOffIsNoFailure(t *testing.T) {
	m, failed := manual(t, func(ctx context.Context, _ *Assignment) error {
		<-ctx.Done()
		return errors.New("produce: context canceled")
	})
	m.Drop()
	require.Empty(t, failed)
}

func TestAHandlerThatEndsByItselfFails(t *testing.T) {
	m, failed := manual(t, func(context.Context, *Assignment) error { return errors.New("broken") })
	select {
	case err := <-failed:
		require.ErrorContains(t, err, "broken")
	case <-time.After(30 * time.Second):
		require.Fail(t, "nobody was told")
	}
	m.Drop()
}
