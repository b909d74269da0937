// Package ops serves the probes and the metrics of a process: /livez, /readyz and /metrics, and
// profiles if they are switched on.
//
// The server needs no token and exposes no secret. If it listens on loopback it answers only
// requests for a loopback Host.
package ops

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stockpush/cmd/internal/webserver"
)

// drainTimeout is how long requests may take to finish after the server stops.
const drainTimeout = time.Second

// Server is the HTTP server of probes and metrics.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Probes are the sources of the answers.
type Probes struct {
	Registry *prometheus.Registry
	// Ready reports whether every role serves, and if not, which one does not.
	Ready func() (ok bool, detail string)
	// Profiles serves net/http/pprof under /debug/pprof/ too, on the server of Listen only.
	Profiles bool
}

// Listen opens the port at once, so that a port in use is an error before anything starts.
func Listen(address string, probes Probes, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("ops.listen: %w (choose another address, or port 0 for a free port)", err)
	}
	handler := Handler(probes)
	if probes.Profiles {
		handler = withProfiles(handler)
	}
	if webserver.IsLoopback(listener.Addr()) {
		handler = webserver.LoopbackHostOnly(handler, refuseHost)
	}
	log.Info("ops listening", "ops.listen", listener.Addr().String())
	return &Server{listener: listener, http: webserver.New(handler, log)}, nil
}

func refuseHost(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusMisdirectedRequest, "ops.listen is a loopback address and answers only requests for localhost or loopback addresses")
}

// Serve serves until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	if err := webserver.Serve(ctx, s.http, s.listener, drainTimeout); err != nil {
		return fmt.Errorf("serve ops.listen: %w", err)
	}
	return nil
}

// Close closes the listener. It is for a server that was never served; after Serve it does nothing.
func (s *Server) Close() error { return webserver.Free(s.listener) }

// Handler returns the handler of the three paths.
func Handler(probes Probes) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "up") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ok, detail := probes.Ready(); !ok {
			say(w, http.StatusServiceUnavailable, "not ready: "+detail)
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(probes.Registry, promhttp.HandlerOpts{Registry: probes.Registry}))
	return mux
}

// withProfiles adds the profiles of net/http/pprof.
func withProfiles(others http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", others)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // its arguments may be secrets
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client may have disconnected
}
