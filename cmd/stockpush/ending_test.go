package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnEndIsWaitedForButNotForEver(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		name  string
		takes time.Duration
		err   error
		want  error
	}{
		{"work that fails before its end", -time.Second, failed, failed},
		{"work that drains in time", endLimit - time.Second, nil, nil},
		{"work that fails while it drains", time.Second, failed, failed},
		{"work that does not drain in time", time.Hour, nil, errUnfinished},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				err := endingWithin(ctx, endLimit, func(context.Context) error {
					time.Sleep(time.Minute + c.takes)
					return c.err
				})
				require.ErrorIs(t, err, c.want)
				require.LessOrEqual(t, time.Since(began), time.Minute+endLimit)
				time.Sleep(2 * time.Hour) // the bubble waits for no work that sleeps
			})
		})
	}
}
