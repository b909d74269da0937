package setup_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/faultproxy"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// failover is a store with several addresses.
type failover struct {
	*clickhouse.Store
	log      syncBuffer
	registry *prometheus.Registry
}

func openFailover(t *testing.T, addrs ...string) *failover {
	f := &failover{registry: prometheus.NewRegistry()}
	var err error
	f.Store, err = clickhouse.Open(clickhouse.Config{
		Addr: addrs, Database: "d", Username: "default", Logger: slog.New(slog.NewTextHandler(&f.log, nil)), Metrics: clickhouse.NewMetrics(f.registry),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// requireFailover requires that one address failed once, and that the log names it and the next.
func (f *failover) requireFailover(t *testing.T, failed, next string) {
	require.Contains(t, f.log.String(), fmt.Sprintf("address=%s next=%s", failed, next))
	families, err := f.registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Len(t, families[0].Metric, 1)
	require.Equal(t, failed, families[0].Metric[0].Label[0].GetValue())
	require.Equal(t, "1", fmt.Sprint(families[0].Metric[0].Counter.GetValue()))
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newProxy(t *testing.T, target string) *faultproxy.Proxy {
	p, err := faultproxy.New(target)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// One of two servers is killed while four writers write. No write fails, and each record counts
// once, although the killed server executed inserts whose acknowledgements were lost.
func TestWritersMoveOnWhenAServerIsKilled(t *testing.T) {
	server := embeddedtest.WithoutDatabases(t).Addr()
	first, second := newProxy(t, server), newProxy(t, server)
	f := openFailover(t, first.Addr(), second.Addr())
	_, err := f.Migrate(t.Context())
	require.NoError(t, err)

	const writers, batches, rows = 4, 20, 20
	var sent atomic.Int64
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for n := range batches {
				b := f.NewBatch()
				for i := range rows {
					r := record(fmt.Sprintf("sku-%d", w), int64(n*rows+i+1), schemas.Successfully)
					b.Add(&r)
				}
				if err := b.Send(t.Context()); err != nil {
					t.Error(err)
				}
				sent.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return sent.Load() >= writers*batches/4 }, time.Minute, time.Millisecond)
	first.Set(faultproxy.Mode{CutInserts: 1})
	require.Eventually(t, func() bool { return bytes.Contains([]byte(f.log.String()), []byte(second.Addr())) }, time.Minute, time.Millisecond)
	first.Close()
	work.Wait()

	f.requireFailover(t, first.Addr(), second.Addr())
	require.Equal(t, "1600 1600", text(t, f.Store, "SELECT concatWithSeparator(' ', count(), uniqExact(store_sku, event_offset)) FROM d.push_records FINAL"))
	require.Equal(t, "1600", text(t, f.Store, "SELECT toString(sum(records)) FROM d.push_stats_hourly"))
}

// A server that accepts connections and never answers fails like one that refuses them.
func TestWriterMovesOnWhenAServerHangs(t *testing.T) {
	server := embeddedtest.WithoutDatabases(t).Addr()
	first, second := newProxy(t, server), newProxy(t, server)
	f := openFailover(t, first.Addr(), second.Addr())
	_, err := f.Migrate(t.Context())
	require.NoError(t, err)
	insert(t, f.Store, record("before", 1, schemas.Successfully))
	first.Set(faultproxy.Mode{Hang: true})
	insert(t, f.Store, record("after", 2, schemas.Successfully))
	f.requireFailover(t, first.Addr(), second.Addr())
	require.Equal(t, "2", text(t, f.Store, "SELECT toString(count()) FROM d.push_records"))
}

// Two servers with a database each; the first one is killed while readers read.
func TestReadersAndSetupMoveOnWhenAServerIsKilled(t *testing.T) {
	first, second := embeddedtest.StartClickHouse(t), embeddedtest.StartClickHouse(t)
	for _, server := range []string{first.Addr(), second.Addr()} {
		s := openStore(t, server, "d")
		_, err := s.Migrate(t.Context())
		require.NoError(t, err)
		insert(t, s, record("at "+server, 1, schemas.Successfully))
	}
	f := openFailover(t, first.Addr(), second.Addr())
	read := func() (sku string, err error) {
		return sku, f.Conn().QueryRow(t.Context(), "SELECT store_sku FROM d.store_sku_push_status").Scan(&sku)
	}
	sku, err := read()
	require.NoError(t, err)
	require.Equal(t, "at "+first.Addr(), sku)

	var work sync.WaitGroup
	var reads atomic.Int64
	for range 4 {
		work.Go(func() {
			for sku := ""; sku != "at "+second.Addr(); reads.Add(1) {
				if sku, err = read(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { return reads.Load() > 50 }, time.Minute, time.Millisecond)
	require.NoError(t, first.Close())
	work.Wait()
	f.requireFailover(t, first.Addr(), second.Addr())

	require.NoError(t, f.Conn().Exec(t.Context(), "DROP TABLE d.push_record_history"))
	done, err := openFailover(t, first.Addr(), second.Addr()).Migrate(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"view push_record_history"}, whats(done))
	require.Error(t, f.Ping(t.Context()), "check names the address that does not answer")
	require.ErrorContains(t, f.Ping(t.Context()), first.Addr())
}

// A query that ran out of time makes the next one ask whether the server still answers.
func TestReaderMovesOnWhenAServerHangs(t *testing.T) {
	server := embeddedtest.WithoutDatabases(t).Addr()
	first, second := newProxy(t, server), newProxy(t, server)
	f := openFailover(t, first.Addr(), second.Addr())
	require.Equal(t, "1", text(t, f.Store, "SELECT '1'"))
	first.Set(faultproxy.Mode{Hang: true})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, f.Conn().Exec(short, "SELECT 1"))
	require.Equal(t, "1", text(t, f.Store, "SELECT '1'"))
	f.requireFailover(t, first.Addr(), second.Addr())
}

// An error of a query is no error of its server.
func TestServerThatRefusesAQueryStays(t *testing.T) {
	server := embeddedtest.WithoutDatabases(t).Addr()
	f := openFailover(t, server, newProxy(t, server).Addr())
	require.Error(t, f.Conn().Exec(t.Context(), "SELECT nothing"))
	var s string
	require.Error(t, f.Conn().QueryRow(t.Context(), "SELECT '' WHERE 0").Scan(&s))
	require.Empty(t, f.log.String())
}
