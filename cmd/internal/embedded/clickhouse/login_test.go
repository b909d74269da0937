package clickhouse

import (
	"bufio"
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
)

// Any first packet is either a valid Hello or an error.
func FuzzHello(f *testing.F) {
	f.Add([]byte{}, "default", "")
	f.Add([]byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "unknown", "x")
	f.Fuzz(func(t *testing.T, garbage []byte, user, password string) {
		_, _ = readHello(bufio.NewReader(bytes.NewReader(garbage)))
		var b proto.Buffer
		sent := proto.ClientHello{Name: "client", Major: 1, ProtocolVersion: proto.Version, Database: string(garbage), User: user, Password: password}
		sent.Encode(&b)
		got, err := readHello(bufio.NewReader(bytes.NewReader(append(b.Buf, garbage...))))
		if len(user) > maxHelloText || len(password) > maxHelloText || len(garbage) > maxHelloText {
			require.ErrorIs(t, err, errNoHello)
			return
		}
		require.NoError(t, err)
		require.Equal(t, sent, got)
	})
}

func TestRemoteNativeInterfaceNeedsThePassword(t *testing.T) {
	remote := Config{Listen: "0.0.0.0:0", HTTPListen: "127.0.0.1:0", AllowRemote: true}
	for password, want := range map[string]bool{"": false, "right": true, "wrong": false} {
		s := &Server{cfg: remote, password: "right"}
		require.Equal(t, want, s.newLogin().admits("default", password), password)
	}
	require.False(t, (&Server{cfg: remote, password: "right"}).newLogin().admits("unknown", "right"))
	require.True(t, remote.remote())
	require.True(t, Config{Listen: "127.0.0.1:0", HTTPListen: "0.0.0.0:0"}.remote())
	require.False(t, Config{Listen: "127.0.0.1:0", HTTPListen: "[::1]:0"}.remote())
}

func TestOnlyARemoteServerAcceptsAnyHost(t *testing.T) {
	for anyHost, want := range map[bool]int{false: http.StatusMisdirectedRequest, true: http.StatusServiceUnavailable} {
		answer := httptest.NewRecorder()
		newHTTPFront("right", anyHost, slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://db.example/", nil))
		require.Equal(t, want, answer.Code)
	}
}
