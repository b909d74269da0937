// Package clickhouse is the embedded ClickHouse: the real one, as a library in a child process
// behind our own listeners. Without the library, the child process is an installed `clickhouse
// local`, which serves in the same way.
//
// The library aborts when a client's connection is reset, when a client sends anything but its
// protocol, and when it refuses a login. So the public listeners are our own. The native one checks
// the first packet and forwards bytes; the HTTP one is a reverse proxy that also rejects requests
// from web pages. Both read what the library still sends and close cleanly towards it. The library
// listens on a random loopback address, and can open only the files of its tables and of
// user_files. A supervisor restarts the child process with backoff, and gives up after the fifth
// exit within a minute.
//
// It is no production server: one machine, one user. The HTTP interface always needs the data
// directory's password; the native one needs it if other machines can reach the server.
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

	"stockpush/cmd/internal/webserver"
)

// Config configures the embedded server.
type Config struct {
	// Listen and HTTPListen are the public addresses of the native and the HTTP protocol.
	Listen, HTTPListen string
	// AllowRemote permits addresses that other machines can reach.
	AllowRemote bool
	// DataDir keeps the tables between runs.
	DataDir string
	// Installation is the ClickHouse that serves; see Find.
	Installation Installation
	// Engine is the command that runs RunEngine in a child process; the arguments of RunEngine are
	// appended. Environment is the child's environment.
	Engine, Environment []string
	// OwnUsers says that Engine has other users than default. Then the engine authenticates native
	// logins, and crashes when it refuses one.
	OwnUsers bool
	Logger   *slog.Logger
}

// ErrRemote reports that other machines could reach the server.
var ErrRemote = errors.New("other machines could reach it (pass --allow-remote to permit that; they then need the password)")

// Check reports whether the server may listen as configured. It does not listen.
func (c Config) Check() error {
	for _, address := range []string{c.Listen, c.HTTPListen} {
		local, err := isLocal(address)
		if err != nil {
			return err
		}
		if !local && !c.AllowRemote {
			return fmt.Errorf("%s: %w", address, ErrRemote)
		}
	}
	return nil
}

func isLocal(address string) (bool, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return false, fmt.Errorf("embedded clickhouse: %w", err)
	}
	return webserver.IsLoopback(at), nil
}

// remote reports whether other machines can reach one of the listeners.
func (c Config) remote() bool {
	native, _ := isLocal(c.Listen) // Check has refused unresolvable addresses
	http, _ := isLocal(c.HTTPListen)
	return !native || !http
}

// Server is a running embedded ClickHouse.
type Server struct {
	cfg      Config
	password string
	native   *forwarder
	front    *httpFront
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
	done     chan struct{}
	err      error
}

// Start starts the server and returns once it answers queries.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.listen(); err != nil {
		s.cancel()
		return nil, err
	}
	first := make(chan error, 1)
	s.work.Go(func() { s.supervise(s.ctx, first) })
	go func() { s.work.Wait(); close(s.done) }() // Close ends the work
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

// prepare creates the data directory and its initial content.
func prepare(cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.DataDir) // the engine has another working directory
	if err != nil {
		return nil, fmt.Errorf("embedded clickhouse: %w", err)
	}
	cfg.DataDir = dir
	s := &Server{cfg: cfg, done: make(chan struct{})}
	for _, folder := range []string{s.tables(), s.userFiles()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("embedded clickhouse: %w", err)
		}
	}
	if err := confinable(); err != nil {
		cfg.Logger.Warn("embedded clickhouse is not restricted to its data directory", "error", err)
	}
	s.password, err = loadPassword(cfg.DataDir)
	return s, err
}

func (s *Server) listen() (err error) {
	if s.native, err = newForwarder(s.cfg.Listen, s.newLogin()); err != nil {
		return fmt.Errorf("embedded clickhouse: %w", err)
	}
	if s.listener, err = net.Listen("tcp", s.cfg.HTTPListen); err != nil {
		return errors.Join(fmt.Errorf("embedded clickhouse: %w", err), s.native.close())
	}
	s.front = newHTTPFront(s.password, s.cfg.remote(), s.cfg.Logger)
	s.work.Go(s.native.serve)
	s.work.Go(func() {
		if err := webserver.Serve(s.ctx, s.front.server(s.cfg.Logger), s.listener, 0); err != nil {
			s.cfg.Logger.Error("HTTP interface of the embedded clickhouse failed", "error", err)
		}
	})
	return nil
}

// connect sets the engine's addresses for both interfaces; empty means none.
func (s *Server) connect(native, http string) {
	s.native.connect(native)
	s.front.connect(http)
}

// Addr returns the native protocol's address.
func (s *Server) Addr() string { return s.native.listener.Addr().String() }

// HTTPAddr returns the HTTP protocol's address.
func (s *Server) HTTPAddr() string { return s.listener.Addr().String() }

// Password returns the password of user default.
func (s *Server) Password() string { return s.password }

// PasswordFile returns the path of the password file.
func (s *Server) PasswordFile() string { return filepath.Join(s.cfg.DataDir, passwordFile) }

// Done is closed when the server has ended; Err then returns the cause.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the server ended; nil after Close.
func (s *Server) Err() error { <-s.done; return s.err }

// Close ends the server and waits for it.
func (s *Server) Close() error {
	s.cancel()
	err := s.native.close()
	<-s.done
	return err
}

const (
	restartWindow = time.Minute
	maxRestarts   = 5
	// firstPause precedes the first restart and doubles with each. A killed engine locks the tables
	// for a moment longer, and a new one that finds them locked exits.
	firstPause = 200 * time.Millisecond
)

// supervise restarts the engine whenever it exits. It sends the first start's result to first.
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
			s.err = fmt.Errorf("the embedded clickhouse exited %d times within %v, giving up: %w", len(ends), restartWindow, err)
			select {
			case first <- s.err:
			default:
			}
			s.cancel()
			_ = s.native.close()
			return
		}
		s.cfg.Logger.Error("embedded clickhouse exited, restarting it", "times", len(ends), "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(firstPause << (len(ends) - 1)):
		}
	}
}

func (s *Server) tables() string    { return filepath.Join(s.cfg.DataDir, "data") }
func (s *Server) userFiles() string { return filepath.Join(s.cfg.DataDir, "user_files") }
