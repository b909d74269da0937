package ops

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestProbes(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "made_up_total", Help: "h"}))
	ready := false
	handler := Handler(Probes{Registry: registry, Ready: func() (bool, string) { return ready, "sink" }})
	get := func(path string) (int, string) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return answer.Code, answer.Body.String()
	}
	status, _ := get("/livez")
	require.Equal(t, http.StatusOK, status)
	status, body := get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "sink")
	ready = true
	status, _ = get("/readyz")
	require.Equal(t, http.StatusOK, status)
	_, body = get("/metrics")
	require.Contains(t, body, "made_up_total 0")
	status, _ = get("/else")
	require.Equal(t, http.StatusNotFound, status)
}

func TestLoopbackListenerAnswersOnlyLoopbackHosts(t *testing.T) {
	probes := Probes{Registry: prometheus.NewRegistry(), Ready: func() (bool, string) { return true, "" }}
	for listen, want := range map[string]int{"127.0.0.1:0": http.StatusMisdirectedRequest, "0.0.0.0:0": http.StatusOK} {
		server, err := Listen(listen, probes, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer func() { require.NoError(t, server.http.Close()) }()
		for host, status := range map[string]int{"evil.example": want, "localhost:8081": http.StatusOK, "127.0.0.1": http.StatusOK} {
			answer := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			r.Host = host
			server.http.Handler.ServeHTTP(answer, r)
			require.Equal(t, status, answer.Code, "%s asked as %s", listen, host)
		}
	}
}

func TestProfilesAreServedIfSwitchedOnAndByListenOnly(t *testing.T) {
	probes := Probes{Registry: prometheus.NewRegistry(), Ready: func() (bool, string) { return true, "" }}
	get := func(h http.Handler, path string) int {
		answer := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host = "localhost"
		h.ServeHTTP(answer, r)
		return answer.Code
	}
	for on, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		probes.Profiles = on
		server, err := Listen("127.0.0.1:0", probes, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer func() { require.NoError(t, server.http.Close()) }()
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine"} {
			require.Equal(t, want, get(server.http.Handler, path), path)
		}
		require.Equal(t, http.StatusNotFound, get(server.http.Handler, "/debug/pprof/cmdline"), "arguments may be secrets")
		require.Equal(t, http.StatusOK, get(server.http.Handler, "/livez"))
		require.Equal(t, http.StatusNotFound, get(Handler(probes), "/debug/pprof/"), "the console has them never")
	}
}

func TestPortInUseNamesTheKey(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	probes := Probes{Registry: prometheus.NewRegistry(), Ready: func() (bool, string) { return true, "" }}
	first, err := Listen("127.0.0.1:0", probes, log)
	require.NoError(t, err)
	_, err = Listen(first.listener.Addr().String(), probes, log)
	require.ErrorContains(t, err, "ops.listen")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- first.Serve(ctx) }()
	cancel()
	require.NoError(t, <-served)
}
