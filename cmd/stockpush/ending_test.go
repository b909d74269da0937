package main

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/programtest"
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

func TestSignalEndsACommandThatWaits(t *testing.T) {
	for _, c := range []struct {
		name         string
		args         []string
		silentServer string // the other one refuses connections
		within       time.Duration
	}{
		{"check ClickHouse", []string{"check"}, "clickhouse.addr", 0},
		{"check Kafka", []string{"check"}, "kafka.brokers", 0},
		{"records", []string{"records"}, "clickhouse.addr", 0},
		{"setup Kafka", []string{"setup"}, "kafka.brokers", writeLimit},
		{"setup --check", []string{"setup", "--check"}, "kafka.brokers", writeLimit},
		{"retry", []string{"retry", "--yes"}, "kafka.brokers", writeLimit},
		{"redrive Kafka", []string{"redrive", "--yes"}, "kafka.brokers", writeLimit},
		{"push", []string{"push", "--shop", "1", "--store-sku", "S"}, "kafka.brokers", writeLimit},
		{"audit", []string{"audit"}, "kafka.brokers", writeLimit},
		{"simulate", []string{"simulate"}, "kafka.brokers", 2 * writeLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
			require.NoError(t, err)
			t.Cleanup(func() { _ = silent.Close() })
			servers := map[string]string{"kafka.brokers": "127.0.0.1:1", "clickhouse.addr": "127.0.0.1:1"}
			servers[c.silentServer] = silent.Addr().String()
			ctx, signal := context.WithCancel(t.Context())
			var out, errs programtest.Log
			root := newRoot(&out, &errs)
			root.SetArgs(append(c.args, "--kafka.brokers", servers["kafka.brokers"], "--clickhouse.addr", servers["clickhouse.addr"]))
			ended := make(chan error, 1)
			go func() { ended <- root.ExecuteContext(ctx) }()
			require.NoError(t, silent.(*net.TCPListener).SetDeadline(time.Now().Add(20*time.Second)))
			waiting, err := silent.Accept()
			require.NoError(t, err)
			defer func() { _ = waiting.Close() }()
			signal()
			select {
			case err := <-ended:
				require.Error(t, err)
				require.Equal(t, exitFailed, exitCode(err, &errs))
			case <-time.After(c.within + 2*time.Second): // the clients' own timeouts are longer
				require.Fail(t, "it did not end")
			}
		})
	}
}
