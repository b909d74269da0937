// Package clickhouse is the embedded ClickHouse: the real one, as a library in
// a child process behind listeners of our own.
//
// The library ends with SIGABRT when a client's connection is reset, or begins
// with what is not its protocol, and when it refuses a login. So the public listeners are ours.
// The native one judges how a connection begins and who logs in, and passes bytes on; the HTTP one is a
// reverse proxy, since any web page can make a browser send it requests. Both always close cleanly towards
// the library, after draining what it still sends. The library listens on a random loopback address, and
// can open the files of its tables and of user_files only. A supervisor starts the child again when it ends all the
// same, later each time, and gives up after the fifth time in a minute.
//
// It refuses to be a production server: one machine, one user. Its HTTP interface always needs the
// password of the data directory, its native one where others than this machine can reach the server.
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

// Config sets the embedded server.
type Config struct {
	// Listen and HTTPListen are the public addresses of the native and the HTTP protocol.
	Listen, HTTPListen string
	// AllowRemote permits addresses that other machines can reach.
	AllowRemote bool
	// DataDir keeps the tables between runs.
	DataDir string
	// Library is the path of libchdb.so.
	Library string
	// Engine is the command that runs RunEngine in a process of its own, whose
	// arguments are appended; Environment is that process's environment.
	Engine, Environment []string
	// OwnUsers says that Engine has other users than default: it judges logins of the
	// native protocol itself, and does not survive one that it refuses.
	OwnUsers bool
	Logger   *slog.Logger
}

// ErrRemote says that the server would be reachable from other machines.
var ErrRemote = errors.New("other machines could reach it; give --allow-remote if they may, and they need the password")

// Check reports whether the server may listen as configured; it does not listen.
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
	native, _ := isLocal(c.Listen) // Check has refused what does not resolve
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

// prepare makes the data directory with all that is in it before the first start.
func prepare(cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.DataDir) // the engine's working directory is another one
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
		cfg.Logger.Warn("the embedded clickhouse can open every file that this user can", "error", err)
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
			s.cfg.Logger.Error("the embedded clickhouse's HTTP interface ended", "error", err)
		}
	})
	return nil
}

// connect sets the engine that both interfaces lead to; empty addresses are none.
func (s *Server) connect(native, http string) {
	s.native.connect(native)
	s.front.connect(http)
}

// Addr is the native protocol's address.
func (s *Server) Addr() string { return s.native.listener.Addr().String() }

// HTTPAddr is the HTTP protocol's address.
func (s *Server) HTTPAddr() string { return s.listener.Addr().String() }

// Password is that of the user default.
func (s *Server) Password() string { return s.password }

// PasswordFile is the file that keeps the password.
func (s *Server) PasswordFile() string { return filepath.Join(s.cfg.DataDir, passwordFile) }

// Done is closed when the server has ended; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the server ended; nil after Close.
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
			s.cancel()
			_ = s.native.close()
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

func (s *Server) tables() string    { return filepath.Join(s.cfg.DataDir, "data") }
func (s *Server) userFiles() string { return filepath.Join(s.cfg.DataDir, "user_files") }
