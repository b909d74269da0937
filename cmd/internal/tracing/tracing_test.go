package tracing

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	api "go.opentelemetry.io/otel/trace"

	"stockpush/cmd/internal/config"
)

func open(t *testing.T, cfg config.Tracing, log *slog.Logger) *Tracing {
	tracing, err := Open(t.Context(), cfg, log)
	require.NoError(t, err)
	return tracing
}

// makeSpan makes a span whose parent came from upstream.
func makeSpan(t *Tracing, flags api.TraceFlags) {
	parent := api.NewSpanContext(api.SpanContextConfig{TraceID: api.TraceID{8: 0xff}, SpanID: api.SpanID{1}, TraceFlags: flags, Remote: true})
	_, span := t.Tracer().Start(api.ContextWithRemoteSpanContext(context.Background(), parent), "push")
	span.End()
}

func TestNoEndpointIsNoTracing(t *testing.T) {
	tracing := open(t, config.Tracing{SampleRatio: 1}, slog.New(slog.DiscardHandler))
	require.Nil(t, tracing)
	require.Nil(t, tracing.Tracer())
}

func TestOnlyTracesSampledUpstreamAreExported(t *testing.T) {
	for _, c := range []struct {
		flags   api.TraceFlags
		ratio   float64
		exports int
	}{{0, 1, 0}, {api.FlagsSampled, 1, 1}, {api.FlagsSampled, 1e-18, 0}} {
		paths := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
		tracing := open(t, config.Tracing{Endpoint: server.URL, SampleRatio: c.ratio}, slog.New(slog.DiscardHandler))
		makeSpan(tracing, c.flags)
		require.NoError(t, tracing.Close())
		require.Len(t, paths, c.exports, "%+v", c)
		if c.exports > 0 {
			require.Equal(t, "/v1/traces", <-paths)
		}
		server.Close()
	}
}

func TestPathOfTheEndpointIsKept(t *testing.T) {
	paths := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	defer server.Close()
	tracing := open(t, config.Tracing{Endpoint: server.URL + "/otlp/v1/traces", SampleRatio: 1}, slog.New(slog.DiscardHandler))
	makeSpan(tracing, api.FlagsSampled)
	require.NoError(t, tracing.Close())
	require.Equal(t, "/otlp/v1/traces", <-paths)
}

// A collector that accepts connections and never answers is worse than one that is down.
func TestCollectorThatHangsDelaysNobody(t *testing.T) {
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer func() { close(hung); server.Close() }()
	tracing := open(t, config.Tracing{Endpoint: server.URL, SampleRatio: 1}, slog.New(slog.DiscardHandler))
	began := time.Now()
	for range 10_000 { // more than the exporter's queue has room for
		makeSpan(tracing, api.FlagsSampled)
	}
	require.Less(t, time.Since(began), 10*time.Second, "a full queue drops spans")
	began = time.Now()
	require.NoError(t, tracing.Close())
	require.Less(t, time.Since(began), 10*time.Second, "what waits is dropped")
}

func TestFailingExportsAreLoggedOnce(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	var out bytes.Buffer
	tracing := open(t, config.Tracing{Endpoint: server.URL, SampleRatio: 1}, slog.New(slog.NewTextHandler(&out, nil)))
	for range 3 {
		makeSpan(tracing, api.FlagsSampled)
		require.NoError(t, tracing.provider.ForceFlush(t.Context()))
	}
	require.NoError(t, tracing.Close())
	require.Equal(t, 1, strings.Count(out.String(), "spans are dropped"), out.String())
}

func TestCheckAsksTheCollector(t *testing.T) {
	answer := http.StatusOK
	paths := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		w.WriteHeader(answer)
	}))
	cfg := config.Tracing{Endpoint: server.URL}
	require.NoError(t, Check(t.Context(), cfg))
	require.Equal(t, "/v1/traces", <-paths)
	for _, answer = range []int{http.StatusNotFound, http.StatusServiceUnavailable} {
		require.Error(t, Check(t.Context(), cfg))
		require.Len(t, paths, 1, "it does not repeat")
		<-paths
	}
	server.Close()
	require.Error(t, Check(t.Context(), cfg))
}

func TestCheckEndsWithItsContext(t *testing.T) {
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer func() { close(hung); server.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Check(ctx, config.Tracing{Endpoint: server.URL}), context.DeadlineExceeded)
}
