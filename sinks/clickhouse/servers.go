package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// watchInterval is how often a server is pinged while an operation runs on it.
const watchInterval = 3 * time.Second

// server is one address with its connections.
type server struct {
	addr    string
	queries driver.Conn
	// inserts are separate connections, which send columns without copying them. Usually one is in
	// use.
	inserts *chpool.Pool
	// silent is set when an operation timed out: the server may be slow, or hang.
	silent atomic.Bool
}

// servers are the addresses of one database. All operations use the same server until it fails, and
// then the next one. They return to an earlier server only when the present one fails, so that
// reads and writes do not alternate between replicas.
type servers struct {
	all     []*server
	current atomic.Int64
	log     *slog.Logger
	metrics *Metrics
}

// try calls do with the server in use. If that server fails, it calls do again with the next one,
// until each has failed. So do must be idempotent. Its context ends when the server stops answering.
func (s *servers) try(ctx context.Context, do func(context.Context, *server) error) error {
	var errs []error
	for range s.all {
		at := s.current.Load()
		err := s.answering(ctx, s.all[at])
		if err == nil {
			err = s.watched(ctx, s.all[at], do)
		}
		if ctx.Err() != nil {
			s.all[at].noteTimeout(ctx)
			return err
		}
		if len(s.all) == 1 || !isServerFault(err) {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.all[at].addr, err))
		s.moveOn(at, err)
	}
	return errors.Join(errs...)
}

// answering pings a server at which an operation timed out, if there is another one to use.
func (s *servers) answering(ctx context.Context, at *server) error {
	if len(s.all) == 1 || !at.silent.CompareAndSwap(true, false) {
		return nil
	}
	return at.ping(ctx)
}

// watched calls do, and cancels it if the server stops answering pings meanwhile.
func (s *servers) watched(ctx context.Context, at *server, do func(context.Context, *server) error) error {
	if len(s.all) == 1 {
		return do(ctx, at)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go at.watch(ctx, cancel) // ends with ctx
	err := do(ctx, at)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// watch pings the server until ctx ends, and calls cancel with the first error.
func (s *server) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.ping(ctx); err != nil {
			cancel(err)
			return
		}
	}
}

// moveOn replaces the server in use, unless another operation has replaced it.
func (s *servers) moveOn(from int64, cause error) {
	next := (from + 1) % int64(len(s.all))
	if !s.current.CompareAndSwap(from, next) {
		return
	}
	s.metrics.failedOver(s.all[from].addr)
	s.log.Warn("clickhouse server failed, using the next one", "address", s.all[from].addr, "next", s.all[next].addr, "error", cause)
}

func (s *server) noteTimeout(ctx context.Context) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.silent.Store(true)
	}
}

// ping checks that a server answers, within the time limit of a new connection.
func (s *server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return s.queries.Ping(ctx)
}

// unfit are the exceptions of a server that cannot do now what another replica may be able to do.
var unfit = []proto.Error{
	proto.ErrTableIsReadOnly, proto.ErrNoZookeeper, proto.ErrKeeperException, proto.ErrUnknownStatusOfInsert,
	proto.ErrAborted, proto.ErrTooManySimultaneousQueries, proto.ErrNotEnoughSpace, proto.ErrNetworkError, proto.ErrSocketTimeout,
}

// isServerFault reports whether an error is of a server or of the connection to it, so that another
// server may do better.
func isServerFault(err error) bool {
	if query, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return slices.Contains(unfit, proto.Error(query.Code))
	}
	if insert, ok := errors.AsType[*ch.Exception](err); ok {
		return slices.Contains(unfit, insert.Code)
	}
	_, network := errors.AsType[net.Error](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return network || plain || untrusted || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (s *servers) close() error {
	var errs []error
	for _, server := range s.all {
		server.inserts.Close()
		errs = append(errs, server.queries.Close())
	}
	return errors.Join(errs...)
}

// Metrics counts what happens to the servers. A nil Metrics counts nothing.
type Metrics struct{ failovers *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "stockpush_clickhouse_failovers_total",
		Help: "ClickHouse servers that failed and were replaced by the next address, by the address that failed.",
	}, []string{"address"})}
}

func (m *Metrics) failedOver(address string) {
	if m != nil {
		m.failovers.WithLabelValues(address).Inc()
	}
}
