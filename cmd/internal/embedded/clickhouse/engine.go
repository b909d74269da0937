package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// serveQuery starts the library's listeners and then waits for the end of
// standard input, so that the child never outlives us.
const serveQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT count() FROM file('-', 'LineAsString', 's String') FORMAT Null"

// runOnce runs the engine until it ends or ctx does.
func (s *Server) runOnce(ctx context.Context, first chan<- error) error {
	tcp, err := freePort()
	if err != nil {
		return err
	}
	http, err := freePort()
	if err != nil {
		return err
	}
	cmd, stdin, err := s.command(tcp, http)
	if err != nil {
		return err
	}
	defer func() { _ = stdin.Close() }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // read below, on every path
	readyCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- awaitAnswer(readyCtx, net.JoinHostPort("127.0.0.1", tcp)) }()
	select {
	case err := <-ended:
		cancel()
		return fmt.Errorf("the engine ended before it answered: %w (its log: %s)", errors.Join(orEOF(err), <-ready), s.logFile())
	case err := <-ready:
		if err != nil { // only ctx ends it
			return s.await(ctx, cmd, stdin, ended)
		}
	}
	s.native.connect(net.JoinHostPort("127.0.0.1", tcp))
	s.http.connect(net.JoinHostPort("127.0.0.1", http))
	select {
	case first <- nil:
	default:
	}
	return s.await(ctx, cmd, stdin, ended)
}

func (s *Server) await(ctx context.Context, cmd *exec.Cmd, stdin io.Closer, ended <-chan error) error {
	select {
	case err := <-ended:
		s.native.connect("")
		s.http.connect("")
		return orEOF(err)
	case <-ctx.Done():
	}
	_ = stdin.Close() // the engine ends with its input
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		return <-ended
	}
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func (s *Server) command(tcp, http string) (*exec.Cmd, io.WriteCloser, error) {
	args := append(append([]string{}, s.cfg.Engine[1:]...), s.cfg.Library, "clickhouse-local",
		"--path", s.path(), "--listen_host", "127.0.0.1", "--tcp_port", tcp, "--http_port", http,
		"--background_pool_size", "2", "--background_schedule_pool_size", "4",
		"--query", serveQuery)
	cmd := exec.Command(s.cfg.Engine[0], args...)
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	own(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the engine: %w", err)
	}
	return cmd, stdin, nil
}

func (s *Server) logFile() string { return filepath.Join(s.cfg.DataDir, "engine.log") }

// awaitAnswer returns when the engine answers a query, or ctx ends.
func awaitAnswer(ctx context.Context, addr string) error {
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{addr}})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		if conn.Ping(ctx) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
		}
	}
}
