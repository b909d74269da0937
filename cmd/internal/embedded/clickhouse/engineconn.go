package clickhouse

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// engineTransport opens a connection for each request: the engine closes idle ones
// when it likes, and a query must not be lost to that.
func engineTransport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true, // the client's own wish is passed on
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &engineConn{TCPConn: c.(*net.TCPConn)}, nil
		},
	}
}

// engineConn is a connection to the engine that never resets it, which would end
// the library: its Close says that nothing follows, and reads on until the engine
// has closed its side, too.
type engineConn struct {
	*net.TCPConn
	once sync.Once
	err  error
}

// Close returns at once. The engine ends the rest: it always closes.
func (c *engineConn) Close() error {
	c.once.Do(func() {
		c.err = c.CloseWrite()
		go func() {
			_, _ = io.Copy(io.Discard, c.TCPConn) // a close with unread data would be a reset
			_ = c.TCPConn.Close()
		}()
	})
	return c.err
}
