package service

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoleEndsWithItsCompanion(t *testing.T) {
	broken := errors.New("the listener broke")
	serve := func(ctx context.Context) error { <-ctx.Done(); return nil }
	s := running{serve: serve, beside: func(context.Context) error { return broken }}
	require.ErrorIs(t, s.run(t.Context()), broken)
}

func TestCompanionOutlivesTheDrain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	drained := false
	s := running{
		serve: func(ctx context.Context) error { cancel(); <-ctx.Done(); drained = true; return nil },
		beside: func(ctx context.Context) error {
			<-ctx.Done()
			require.True(t, drained)
			return nil
		},
	}
	require.NoError(t, s.run(ctx))
}
