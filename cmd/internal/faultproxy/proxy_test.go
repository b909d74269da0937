package faultproxy

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo is a server that echoes each piece; got has what it received.
func echo(t *testing.T) (addr string, got chan string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	got = make(chan string, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveEcho(conn, got)
		}
	}()
	return listener.Addr().String(), got
}

func serveEcho(conn net.Conn, got chan<- string) {
	defer func() { _ = conn.Close() }()
	buffer := make([]byte, 1000)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		got <- string(buffer[:n])
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// ask sends a text and reads as many bytes back.
func ask(conn net.Conn, text string) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return "", err
	}
	answer := make([]byte, len(text))
	_, err := io.ReadFull(conn, answer)
	return string(answer), err
}

func TestProxyModes(t *testing.T) {
	server, got := echo(t)
	p, err := New(server)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", p.Addr())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	open := dial()
	answer, err := ask(open, "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", answer)
	require.Equal(t, "hello", <-got)

	p.Set(Mode{CutInserts: 1})
	for _, piece := range []string{"SELECT 1", "1", "INSERT INTO t (a) VALUES"} {
		_, err = ask(open, piece)
		require.NoError(t, err, "no data of an insert")
		require.Equal(t, piece, <-got)
	}
	_, err = ask(open, "data")
	require.Error(t, err)
	require.Equal(t, "data", <-got, "the server received it")

	p.Set(Mode{Refuse: true})
	_, err = ask(dial(), "refused")
	require.Error(t, err)
	p.Set(Mode{})
	_, err = ask(dial(), "again")
	require.NoError(t, err)
}
