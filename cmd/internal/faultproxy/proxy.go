// Package faultproxy is a TCP proxy that refuses, delays or cuts connections, for tests and the
// fault suite. It imports nothing of the product, and the product never imports it.
package faultproxy

import (
	"bytes"
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
	// CutInserts is the share of ClickHouse inserts whose connection is cut instead of forwarding
	// the answer to their data: they were executed, but the client does not learn of it.
	CutInserts float64
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
	proxy  *Proxy
	mu     sync.Mutex
	insert insertStep
}

// insertStep is how far an insert is in ClickHouse's native protocol: the server answers its
// query with the table's columns, and then its data.
type insertStep uint8

const (
	noInsert insertStep = iota
	queryAsked
	queryAnswered
	dataSent
)

// insertQuery is at the end of the query of an insert with data.
var insertQuery = []byte(") VALUES")

func (l *link) asked(piece []byte) (cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case bytes.Contains(piece, insertQuery):
		l.insert = queryAsked
	case l.insert == queryAnswered:
		l.insert = dataSent
	}
	return false
}

func (l *link) answered([]byte) (cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.insert {
	case queryAsked:
		l.insert = queryAnswered
	case dataSent:
		l.insert = noInsert
		return rand.Float64() < l.proxy.now().CutInserts
	}
	return false
}

// copy forwards data piece by piece.
func (l *link) copy(to io.Writer, from net.Conn, note func(piece []byte) (cut bool)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && note(buffer[:n]) {
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
