package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadyAsksTheProcessOnThisMachine(t *testing.T) {
	status := http.StatusOK
	probes := http.NewServeMux()
	probes.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	server := httptest.NewServer(probes)
	address := strings.TrimPrefix(server.URL, "http://")
	ask := func(args ...string) int {
		return run(append([]string{"ready", "--ops.listen=" + strings.Replace(address, "127.0.0.1", "0.0.0.0", 1)}, args...), io.Discard, io.Discard)
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	require.Equal(t, exitDone, ask())
	require.Equal(t, exitDone, ask("--url", server.URL+"/readyz"))
	status = http.StatusServiceUnavailable
	require.Equal(t, exitFailed, ask())
	server.Close()
	require.Equal(t, exitFailed, ask())
	require.Equal(t, exitUsage, ask("--url", "http://%"))
}

func TestReadyAsksOnLoopbackWhereAProcessListensOnAllAddresses(t *testing.T) {
	for listen, want := range map[string]string{
		":8081": "http://127.0.0.1:8081/readyz", "0.0.0.0:1": "http://127.0.0.1:1/readyz", "[::]:1": "http://127.0.0.1:1/readyz",
		"10.0.0.5:8081": "http://10.0.0.5:8081/readyz", "localhost:8081": "http://localhost:8081/readyz",
	} {
		require.Equal(t, want, readyURL(listen))
	}
}
