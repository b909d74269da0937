package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShutdownHasATimeLimit(t *testing.T) {
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
				time.Sleep(2 * time.Hour) // the bubble does not wait for sleeping work
			})
		})
	}
}

func TestSignalEndsAReadOnlyCommandThatWaits(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for _, args := range [][]string{{"check", "--kafka.brokers", "127.0.0.1:1"}, {"check", "--kafka.brokers", silent.Addr().String()}, {"records"}} {
		ctx, signal := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		root := newRoot(&out, &errs)
		root.SetArgs(append(args, "--clickhouse.addr", silent.Addr().String()))
		ended := make(chan error, 1)
		go func() { ended <- root.ExecuteContext(ctx) }()
		waiting, err := silent.Accept()
		require.NoError(t, err)
		signal()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, errInterrupted)
			require.Equal(t, exitFailed, exitCode(err, &errs))
		case <-time.After(2 * time.Second): // the clients' own timeouts are longer
			require.Fail(t, "it did not end", args)
		}
		require.NoError(t, waiting.Close())
	}
}
