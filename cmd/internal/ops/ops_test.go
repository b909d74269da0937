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

func TestATakenPortNamesTheKey(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	probes := Probes{Registry: prometheus.NewRegistry(), Ready: func() (bool, string) { return true, "" }}
	first, err := Listen("127.0.0.1:0", probes, log)
	require.NoError(t, err)
	_, err = Listen(first.Addr(), probes, log)
	require.ErrorContains(t, err, "ops.listen")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- first.Serve(ctx) }()
	cancel()
	require.NoError(t, <-served)
}
