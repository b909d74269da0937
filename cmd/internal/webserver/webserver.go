// Package webserver creates and runs every HTTP server of the program, so that all have the same
// limits and log to the program's log.
package webserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"stockpush/cmd/internal/liblog"
)

// Limits on what one client may use. A server that needs others sets them after New.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	// WriteTimeout limits the whole answer. It is longer than a retry that waits for its events,
	// and than any query.
	WriteTimeout   = time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// New returns a server with all limits, which logs to log.
func New(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          liblog.New(log),
	}
}

// Free closes a listener, whether or not its server was ever served.
func Free(listener net.Listener) error {
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve serves until ctx ends, then waits at most drain for requests in progress. It returns nil if
// ctx ended it.
func Serve(ctx context.Context, s *http.Server, listener net.Listener, drain time.Duration) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if s.Shutdown(draining) != nil {
			_ = s.Close() // cuts the requests that are still in progress
		}
	})
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	if !stop() {
		<-ended
	}
	return nil
}
