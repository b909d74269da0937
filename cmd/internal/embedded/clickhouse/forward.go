package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

// forwarder is a public listener whose connections go to the engine.
type forwarder struct {
	listener net.Listener
	// speaks says of a connection's first byte whether it begins the protocol;
	// anything else would end the library, and is closed here instead.
	speaks func(first byte) bool
	// admits judges who logs in by the native protocol; nil where nobody does.
	admits func(user, password string) bool

	mu     sync.Mutex
	target string
	open   map[net.Conn]struct{}
	closed bool
}

// What connections begin with: the native protocol with packet 0, the client's
// Hello; HTTP with a method.
func speaksNative(first byte) bool { return first == 0 }
func speaksHTTP(first byte) bool   { return first >= 'A' && first <= 'Z' }

func newForwarder(address string, speaks func(first byte) bool, admits func(user, password string) bool) (*forwarder, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &forwarder{listener: listener, speaks: speaks, admits: admits, open: map[net.Conn]struct{}{}}, nil
}

// connect sets where connections go from now on; empty refuses them.
func (f *forwarder) connect(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

// serve forwards until close; it returns when every connection has ended.
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
	begin, err := f.begin(client, target)
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
		_, _ = io.Copy(io.Discard, engine) // a close with unread data would be a reset
	})
	both.Wait()
}

// begin reads as much of a connection as tells that the library will take it.
func (f *forwarder) begin(client net.Conn, target string) ([]byte, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(client, first); err != nil {
		return nil, err
	}
	switch {
	case !f.speaks(first[0]):
		return nil, errOtherProtocol
	case f.admits == nil:
		return first, nil
	default:
		return f.login(first, client, target)
	}
}

var errOtherProtocol = errors.New("another protocol")

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

// close ends the listener and all its connections; twice is harmless.
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
