// Package webserver makes and runs every HTTP server of the program, so that all
// have the same limits and log to the program's log.
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

// Limits of what one client may hold. A server that needs others sets them after New.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	// WriteTimeout bounds the whole answer. It is longer than a retry that waits for
	// its events, and any query.
	WriteTimeout   = time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// New is a server with all limits, which logs to log.
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

// Free closes a listener whose server may never have served, or has ended and closed it.
func Free(listener net.Listener) error {
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve answers on a listener until ctx ends, and then lets requests end for at
// most drain. It returns nil when ctx ended it.
func Serve(ctx context.Context, s *http.Server, listener net.Listener, drain time.Duration) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if s.Shutdown(draining) != nil {
			_ = s.Close() // cuts the requests that have not ended by now
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
