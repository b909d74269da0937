package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// serveQuery starts the library's listeners and then waits for the end of standard input, so that
// the child process never outlives its parent.
const serveQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT count() FROM file('-', 'LineAsString', 's String') FORMAT Null"

// runOnce runs the engine until the engine or ctx ends.
func (s *Server) runOnce(ctx context.Context, first chan<- error) error {
	native, http, err := privateAddresses()
	if err != nil {
		return err
	}
	cmd, stdin, err := s.command(native, http)
	if err != nil {
		return err
	}
	defer func() { _ = stdin.Close() }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // received below on every path
	readyCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- awaitAnswer(readyCtx, native) }()
	select {
	case err := <-ended:
		cancel()
		return fmt.Errorf("the engine exited before it answered: %w (its log: %s)", errors.Join(orEOF(err), <-ready), s.logFile())
	case err := <-ready:
		if err != nil { // only because ctx ended
			return s.await(ctx, cmd, stdin, ended)
		}
	}
	s.connect(native, http)
	select {
	case first <- nil:
	default:
	}
	return s.await(ctx, cmd, stdin, ended)
}

func (s *Server) await(ctx context.Context, cmd *exec.Cmd, stdin io.Closer, ended <-chan error) error {
	select {
	case err := <-ended:
		s.connect("", "")
		return orEOF(err)
	case <-ctx.Done():
	}
	_ = stdin.Close() // the engine exits when its input ends
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

func (s *Server) command(native, http string) (*exec.Cmd, io.WriteCloser, error) {
	host, nativePort, _ := net.SplitHostPort(native)
	_, httpPort, _ := net.SplitHostPort(http)
	words := EngineArguments{Installation: s.cfg.Installation, Tables: s.tables(), UserFiles: s.userFiles(), Arguments: []string{
		"--path", s.tables(), "--listen_host", host, "--tcp_port", nativePort, "--http_port", httpPort,
		"--background_pool_size", "2", "--background_schedule_pool_size", "4",
		"--query", serveQuery}}.encode()
	cmd := exec.Command(s.cfg.Engine[0], append(s.cfg.Engine[1:len(s.cfg.Engine):len(s.cfg.Engine)], words...)...)
	cmd.Dir = s.userFiles()                                    // relative paths of queries start here
	cmd.Env = append([]string{"TZ=UTC"}, s.cfg.Environment...) // not our environment: it may hold secrets, and the engine can read its own
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

// privateAddresses returns free addresses for the library's native and HTTP protocols. On Linux
// they are random addresses of 127.0.0.0/8, which web pages cannot find by scanning.
func privateAddresses() (native, http string, err error) {
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+rand.N(254), rand.N(256), 1+rand.N(254))
	}
	if native, err = freeAddress(host); err != nil {
		return "", "", err
	}
	http, err = freeAddress(host)
	return native, http, err
}

func freeAddress(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// awaitAnswer waits until the engine answers a query, or ctx ends.
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
