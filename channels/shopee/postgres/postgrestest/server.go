// Package postgrestest starts a real PostgreSQL for tests, from the binaries of
// an installed one. Nothing is listened to but a socket in a folder of its own.
package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Required is the variable that forbids to skip where no PostgreSQL is installed.
const Required = "STOCKPUSH_TEST_POSTGRES"

// Start starts a server for one test and returns how to connect. It skips the
// test where no PostgreSQL is installed.
func Start(t *testing.T) (dsn string) {
	t.Helper()
	bin := binaries()
	if bin == "" {
		require.Empty(t, os.Getenv(Required), "no PostgreSQL is installed")
		t.Skip("no PostgreSQL is installed: neither initdb in PATH nor /usr/lib/postgresql (Debian: apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("", "stockpush-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s := server{bin: bin, dir: dir}
	s.as, err = owner(dir)
	require.NoError(t, err)
	out, err := s.command("initdb", "-D", s.data(), "-U", "stockpush", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput()
	require.NoError(t, err, string(out))
	s.start(t)
	return s.dsn()
}

// binaries is the folder of the newest installed PostgreSQL; empty if there is none.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil { // the others are beside the real one
			return filepath.Dir(real)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// owner gives the folder to a user that PostgreSQL runs as: it refuses root.
func owner(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

type server struct {
	bin, dir string
	as       *syscall.Credential
}

func (s server) dsn() string { return "host=" + s.dir + " user=stockpush dbname=postgres" }

func (s server) data() string { return filepath.Join(s.dir, "data") }

func (s server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// start runs the server below a shell that ends it when its standard input
// closes, so that it never outlives the test's process.
func (s server) start(t *testing.T) {
	script := fmt.Sprintf(`%q -D %q -k %q -c listen_addresses= -c fsync=off -c max_connections=50 & server=$!; read -r _; kill -QUIT $server; wait $server`,
		filepath.Join(s.bin, "postgres"), s.data(), s.dir)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.dir, []string{"LC_ALL=C", "TZ=UTC"}, &syscall.SysProcAttr{Credential: s.as}
	alive, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = alive.Close(); _ = cmd.Wait() }) // it ends with the signal that it is sent
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), s.dsn())
		if err != nil {
			return false
		}
		return conn.Close(t.Context()) == nil
	}, time.Minute, 20*time.Millisecond, "PostgreSQL does not start")
}
