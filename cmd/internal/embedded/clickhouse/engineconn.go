package clickhouse

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// engineTransport opens a connection per request. The engine closes idle connections at any time,
// which would fail a query.
func engineTransport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true, // the client's own Accept-Encoding is forwarded
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &engineConn{TCPConn: c.(*net.TCPConn)}, nil
		},
	}
}

// engineConn is a connection that never sends a reset, which would crash the library. Its Close
// half-closes the connection and reads until the engine has closed its side.
type engineConn struct {
	*net.TCPConn
	once sync.Once
	err  error
}

// Close returns at once. The rest happens in the background, because the engine always closes its
// side.
func (c *engineConn) Close() error {
	c.once.Do(func() {
		c.err = c.CloseWrite()
		go func() {
			_, _ = io.Copy(io.Discard, c.TCPConn) // closing with unread data would send a reset
			_ = c.TCPConn.Close()
		}()
	})
	return c.err
}
