// Package clickhouse is the embedded ClickHouse: the real one, as a library in
// a child process behind listeners of our own.
//
// The library ends with SIGABRT when a client's connection is reset, or begins
// with what is not its protocol, and when it refuses a login. So the public listeners are ours:
// they look at how it begins, pass bytes on to the library's private ports, and towards it
// they always close cleanly, after draining what it still sends. A supervisor starts the child again when it ends all the
// same, later each time, and gives up after the fifth time in a minute.
//
// It refuses to be a production server: one machine, loopback, no users.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config sets the embedded server.
type Config struct {
	// Listen and HTTPListen are the public addresses of the native and the HTTP protocol.
	Listen, HTTPListen string
	// DataDir keeps the tables between runs.
	DataDir string
	// Library is the path of libchdb.so.
	Library string
	// Engine is the command that runs RunEngine in a process of its own; the
	// library's path and its arguments are appended.
	Engine []string
	// OwnUsers says that Engine has other users than default: it judges logins
	// itself, and does not survive one that it refuses.
	OwnUsers bool
	Logger   *slog.Logger
}

func (c Config) admits() func(user, password string) bool {
	if c.OwnUsers {
		return nil
	}
	return admits
}

// Server is a running embedded ClickHouse.
type Server struct {
	cfg          Config
	native, http *forwarder
	cancel       context.CancelFunc
	work         sync.WaitGroup
	done         chan struct{}
	err          error
}

// Start starts the server and returns once it answers queries.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded clickhouse: %w", err)
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{cfg: cfg, cancel: cancel, done: make(chan struct{})}
	if err := s.listen(); err != nil {
		cancel()
		return nil, err
	}
	first := make(chan error, 1)
	s.work.Go(func() { s.supervise(runCtx, first) })
	go func() { s.work.Wait(); close(s.done) }() // ends with the work, which Close ends
	select {
	case err := <-first:
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), s.Close())
	}
}

func (s *Server) listen() (err error) {
	if s.native, err = newForwarder(s.cfg.Listen, speaksNative, s.cfg.admits()); err != nil {
		return fmt.Errorf("embedded clickhouse: %w", err)
	}
	if s.http, err = newForwarder(s.cfg.HTTPListen, speaksHTTP, nil); err != nil {
		return errors.Join(fmt.Errorf("embedded clickhouse: %w", err), s.native.close())
	}
	s.work.Go(s.native.serve)
	s.work.Go(s.http.serve)
	return nil
}

// Addr is the native protocol's address.
func (s *Server) Addr() string { return s.native.listener.Addr().String() }

// HTTPAddr is the HTTP protocol's address.
func (s *Server) HTTPAddr() string { return s.http.listener.Addr().String() }

// Done is closed when the server has ended; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the server ended; nil after Close.
func (s *Server) Err() error { <-s.done; return s.err }

// Close ends the server and waits for it.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(s.native.close(), s.http.close())
	<-s.done
	return err
}

const (
	restartWindow = time.Minute
	maxRestarts   = 5
	// firstPause is before the first restart and doubles with each: the engine of a killed process holds
	// the tables for a moment longer, and a new one that finds them held ends at once.
	firstPause = 200 * time.Millisecond
)

// supervise runs the engine again and again. The first start's outcome goes to first.
func (s *Server) supervise(ctx context.Context, first chan<- error) {
	var ends []time.Time
	for {
		err := s.runOnce(ctx, first)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		ends = append(ends, now)
		for now.Sub(ends[0]) > restartWindow {
			ends = ends[1:]
		}
		if len(ends) >= maxRestarts {
			s.err = fmt.Errorf("the embedded clickhouse ended %d times within %v, giving up: %w", len(ends), restartWindow, err)
			select {
			case first <- s.err:
			default:
			}
			_ = errors.Join(s.native.close(), s.http.close())
			return
		}
		s.cfg.Logger.Error("the embedded clickhouse ended by itself, starting it again", "times", len(ends), "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(firstPause << (len(ends) - 1)):
		}
	}
}

// freePort finds a port for the library; nothing else on this machine knows it.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func (s *Server) path() string { return filepath.Join(s.cfg.DataDir, "data") }
