package webserver

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryLimitIsSet(t *testing.T) {
	s := New(nil, slog.New(slog.DiscardHandler))
	require.Positive(t, s.ReadHeaderTimeout)
	require.Positive(t, s.ReadTimeout)
	require.Positive(t, s.WriteTimeout)
	require.Positive(t, s.IdleTimeout)
	require.Positive(t, s.MaxHeaderBytes)
	require.NotNil(t, s.ErrorLog)
}

// served runs a server on its own port until the test ends.
func served(t *testing.T, s *http.Server) (address string, stop func() error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, s, listener, time.Minute) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return listener.Addr().String(), stop
}

func TestServerMessagesAreLoggedWithoutSecrets(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	address, stop := served(t, New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("access_token=tok3n") }), log))
	_, err := http.Get("http://" + address)
	require.Error(t, err)
	require.NoError(t, stop())
	require.Contains(t, said.String(), "http: panic serving")
	require.Contains(t, said.String(), "access_token=[redacted]")
	require.NotContains(t, said.String(), "tok3n")
}

func TestSlowOrOversizedClientsAreDisconnected(t *testing.T) {
	s := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), slog.New(slog.DiscardHandler))
	s.ReadHeaderTimeout = 50 * time.Millisecond
	address, _ := served(t, s)
	slow, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = slow.Close() }()
	_, err = io.WriteString(slow, "GET / HTTP/1.1\r\nHost: localhost\r\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(slow)
	require.NoError(t, err, "the server closes the connection")
	require.NotContains(t, string(answer), "204")

	long, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
	require.NoError(t, err)
	long.Header.Set("X", strings.Repeat("x", 64<<10))
	res, err := http.DefaultClient.Do(long)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
}

func TestLoopbackHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:80": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]": true, "[::1]:80": true,
		"": false, "evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "10.0.0.1:80": false, "0.0.0.0": false, "[::]:80": false,
	} {
		require.Equal(t, want, IsLoopbackHost(host), host)
	}
}
