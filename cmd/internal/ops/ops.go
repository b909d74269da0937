// Package ops serves the probes and the metrics of a process.
//
// It owns /livez, /readyz and /metrics. It needs no token and holds no secret;
// it refuses everything else. A server that listens on loopback answers only
// requests for a loopback Host. Serve blocks until its context ends.
package ops

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stockpush/cmd/internal/webserver"
)

// drainTimeout is how long a request may take to end once the server stops.
const drainTimeout = time.Second

// Server is the probes' HTTP server.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Probes are what the server tells.
type Probes struct {
	Registry *prometheus.Registry
	// Ready says whether every role serves, and if not, which does not.
	Ready func() (ok bool, detail string)
}

// Listen takes the address at once, so that a taken port is an error before anything starts.
func Listen(address string, probes Probes, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("ops.listen: %w (give another address; port 0 takes a free one)", err)
	}
	handler := Handler(probes)
	if webserver.IsLoopback(listener.Addr()) {
		handler = webserver.LoopbackHostOnly(handler, refuseHost)
	}
	log.Info("probes and metrics served", "ops.listen", listener.Addr().String())
	return &Server{listener: listener, http: webserver.New(handler, log)}, nil
}

func refuseHost(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusMisdirectedRequest, "ops.listen is a loopback address, which answers to localhost and loopback addresses only")
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	if err := webserver.Serve(ctx, s.http, s.listener, drainTimeout); err != nil {
		return fmt.Errorf("serve ops.listen: %w", err)
	}
	return nil
}

// Close frees the address; it is for a server that may never have served, and harmless after Serve.
func (s *Server) Close() error { return webserver.Free(s.listener) }

// Handler serves the three paths.
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

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a client that went away has no use for the answer
}
