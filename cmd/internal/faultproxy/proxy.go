// Package faultproxy is a TCP proxy that refuses, delays or cuts connections, for tests and the
// fault suite. It imports nothing of the product, and the product never imports it.
package faultproxy

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy forwards client connections to one server, with the faults of its mode.
type Proxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex
	mode  Mode
	conns map[net.Conn]struct{}
}

// Mode describes how a proxy forwards. The zero value has no faults.
type Mode struct {
	// Refuse closes connections, existing ones too.
	Refuse bool
	// Hang forwards nothing. A change of the mode closes the connections that hung.
	Hang bool
	// Delay is how long each piece of data is delayed.
	Delay time.Duration
	// CutAfterBytes cuts a connection instead of forwarding the answer to a request of at least
	// this many bytes: the request was executed, but the client does not learn of it. 0 means
	// never.
	CutAfterBytes int
	// CutShare is the share of such answers that are cut.
	CutShare float64
}

// New starts a proxy to an address.
func New(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	p.work.Go(p.serve)
	return p, nil
}

// Addr returns the address for clients.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the mode. A change from or to a mode that forwards nothing closes the connections.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode.Hang || m.Refuse {
		for c := range p.conns {
			_ = c.Close()
		}
	}
	p.mode = m
}

// Close closes the proxy and its connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Set(Mode{Refuse: true})
	p.work.Wait()
}

func (p *Proxy) now() Mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.forward(client) })
	}
}

func (p *Proxy) forward(client net.Conn) {
	defer p.forget(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.remember(client, server) {
		return
	}
	link := &link{proxy: p}
	var both sync.WaitGroup
	both.Go(func() { link.copy(server, client, link.asked); closeWrite(server) })
	both.Go(func() { link.copy(client, server, link.answered); _ = client.Close() })
	both.Wait()
}

// remember registers connections unless the mode forbids them.
func (p *Proxy) remember(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return !p.mode.Refuse
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func closeWrite(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// link is one connection through the proxy.
type link struct {
	proxy *Proxy
	mu    sync.Mutex
	// unanswered is how many bytes the client has sent since the server's last answer.
	unanswered int
}

func (l *link) asked(n int) (cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unanswered += n
	return false
}

func (l *link) answered(int) (cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mode := l.proxy.now()
	cut = mode.CutAfterBytes > 0 && l.unanswered >= mode.CutAfterBytes && rand.Float64() < mode.CutShare
	l.unanswered = 0
	return cut
}

// copy forwards data piece by piece.
func (l *link) copy(to io.Writer, from net.Conn, note func(n int) (cut bool)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && note(n) {
			_ = from.Close()
			return
		}
		for l.proxy.now().Hang {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(l.proxy.now().Delay)
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			return
		}
	}
}
