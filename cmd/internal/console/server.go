// Package console serves the Push Record page and the JSON API.
//
// It owns the server: where it may listen, who may ask, what other sites may not
// do, the API's requests, answers and description. What is asked of ClickHouse is
// pushrecords', what is published is retry's. It holds no state but who has logged
// out: a login is a signed cookie.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/cmd/internal/webserver"
)

// Config says where the console listens and who may use it.
type Config struct {
	// Listen is HOST:PORT; port 0 takes a free one.
	Listen string
	// Token is what every page and API call needs; empty is none, and then only loopback is served.
	Token string
	// UserHeader is the header in which a trusted proxy names the signed-in user; empty is none.
	UserHeader string
}

// Deps are what the console works with.
type Deps struct {
	Reader  *pushrecords.Reader
	Retrier *retry.Retrier
	// Pages serves every path that is not the server's own; nil while there are none.
	Pages  http.Handler
	Probes ops.Probes
	Logger *slog.Logger
}

// ErrExposed says that the console would be open to the network without a token.
var ErrExposed = errors.New("without console.token the console listens on loopback only (set console.token, or listen on 127.0.0.1)")

// Check says whether the console may listen as configured; it does not listen.
func (c Config) Check() error {
	if c.Token != "" {
		return nil
	}
	at, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("console.listen: %w", err)
	}
	if !at.IP.IsLoopback() {
		return fmt.Errorf("console.listen: %s: %w", c.Listen, ErrExposed)
	}
	return nil
}

// Limits of what a client may take.
const (
	maxHeaderBytes = 128 << 10 // a link may carry a pasted list of SKUs
	maxBodyBytes   = 1 << 20
	// drainTimeout is how long requests may take to end once the server stops.
	drainTimeout = 5 * time.Second
)

// Server is the console's HTTP server.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen takes the address at once, so that a taken port is an error before anything starts.
func Listen(cfg Config, d Deps) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("console.listen: %w (give another address; port 0 takes a free one)", err)
	}
	server := webserver.New(NewHandler(cfg, d), d.Logger)
	server.MaxHeaderBytes = maxHeaderBytes
	d.Logger.Info("console served", "console.listen", listener.Addr().String())
	return &Server{listener: listener, http: server}, nil
}

// URL is the page's address.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/push-records" }

// Serve answers until ctx ends, and then lets requests end.
func (s *Server) Serve(ctx context.Context) error {
	if err := webserver.Serve(ctx, s.http, s.listener, drainTimeout); err != nil {
		return fmt.Errorf("serve console.listen: %w", err)
	}
	return nil
}

// Close frees the address; it is for a server that may never have served, and harmless after Serve.
func (s *Server) Close() error { return webserver.Free(s.listener) }

// NewHandler is the whole console; of the configuration it leaves out Listen.
func NewHandler(cfg Config, d Deps) http.Handler {
	mux := http.NewServeMux()
	newAPI(cfg, d).mount(mux)
	auth := newAuth(cfg.Token, newAttempts(d.Probes.Registry, d.Logger))
	auth.mount(mux)
	probes := ops.Handler(d.Probes)
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		mux.Handle(path, probes)
	}
	if d.Pages != nil {
		mux.Handle("/", d.Pages)
	}
	return hardened(auth.loopbackNames(refuseCrossSite(auth.need(http.MaxBytesHandler(mux, maxBodyBytes)))))
}
