// Package console serves the Push Record page and the JSON API.
//
// It owns the HTTP server: its address, authentication, protection against other sites, and the API
// with its description. Package pushrecords queries ClickHouse and package retry publishes. The
// only state is which sessions were logged out: a login is a signed cookie.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/cmd/internal/webserver"
)

// Config configures where the console listens and who may use it.
type Config struct {
	// Listen is HOST:PORT; port 0 selects a free port.
	Listen string
	// Token is required for every page and API call. If empty, the console serves only loopback.
	Token string
	// UserHeader is the header in which a trusted proxy names the signed-in user. Empty means none.
	UserHeader string
}

// Deps are the console's dependencies.
type Deps struct {
	Reader  *pushrecords.Reader
	Retrier *retry.Retrier
	// Checker asks Shopee what it shows; nil if Shopee is not configured. Pages shares it.
	Checker *shown.Checker
	// Pages serves every path that is not the server's own. It may be nil.
	Pages  http.Handler
	Probes ops.Probes
	Logger *slog.Logger
}

// ErrExposed reports that the console would be open to the network without a token.
var ErrExposed = errors.New("without console.token the console listens on loopback only (set console.token, or listen on 127.0.0.1)")

// Check reports whether the console may listen as configured. It does not listen.
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

// Limits on what a client may use.
const (
	maxHeaderBytes = 128 << 10 // a link may contain a pasted list of SKUs
	maxBodyBytes   = 1 << 20
	// drainTimeout is how long requests may take to finish after the server stops.
	drainTimeout = 5 * time.Second
)

// Server is the console's HTTP server.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen opens the port at once, so that a port in use is an error before anything starts.
func Listen(cfg Config, d Deps) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("console.listen: %w (choose another address, or port 0 for a free port)", err)
	}
	server := webserver.New(NewHandler(cfg, d), d.Logger)
	server.MaxHeaderBytes = maxHeaderBytes
	d.Logger.Info("console listening", "console.listen", listener.Addr().String())
	return &Server{listener: listener, http: server}, nil
}

// URL returns the page's address.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/push-records" }

// Serve serves until ctx ends, then waits for the requests in progress.
func (s *Server) Serve(ctx context.Context) error {
	if err := webserver.Serve(ctx, s.http, s.listener, drainTimeout); err != nil {
		return fmt.Errorf("serve console.listen: %w", err)
	}
	return nil
}

// Close closes the listener. It is for a server that was never served; after Serve it does nothing.
func (s *Server) Close() error { return webserver.Free(s.listener) }

// NewHandler returns the whole console. It ignores cfg.Listen.
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
	return gzhttp.GzipHandler(hardened(auth.loopbackNames(refuseCrossSite(auth.need(http.MaxBytesHandler(mux, maxBodyBytes))))))
}
