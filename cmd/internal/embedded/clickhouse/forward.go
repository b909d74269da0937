package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

// forwarder is the public listener of the native protocol. It forwards connections to the engine.
type forwarder struct {
	listener net.Listener
	// login checks the start of each connection.
	login login

	mu     sync.Mutex
	target string
	open   map[net.Conn]struct{}
	closed bool
}

func newForwarder(address string, login login) (*forwarder, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &forwarder{listener: listener, login: login, open: map[net.Conn]struct{}{}}, nil
}

// connect sets the engine's address. Empty refuses connections.
func (f *forwarder) connect(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

// serve forwards until close is called and every connection has ended.
func (f *forwarder) serve() {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		all.Go(func() { f.forward(client) })
	}
}

func (f *forwarder) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	f.mu.Lock()
	target := f.target
	f.mu.Unlock()
	if target == "" || !f.register(client) {
		return
	}
	defer f.unregister(client)
	begin, err := f.login.begin(client, target)
	if err != nil {
		return
	}
	engine, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = engine.Close() }()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(engine, io.MultiReader(bytes.NewReader(begin), client))
		_ = engine.(*net.TCPConn).CloseWrite() // clean, however the client ended
	})
	both.Go(func() {
		_, _ = io.Copy(client, engine)
		_ = client.Close()
		_, _ = io.Copy(io.Discard, engine) // closing with unread data would send a reset
	})
	both.Wait()
}

func (f *forwarder) register(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.open[c] = struct{}{}
	}
	return !f.closed
}

func (f *forwarder) unregister(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, c)
}

// close closes the listener and all connections. It may be called twice.
func (f *forwarder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.open {
		_ = c.Close()
	}
	if err := f.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
