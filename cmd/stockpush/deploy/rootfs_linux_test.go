package deploy

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/embedded/embeddedtest"
)

// uid is the image's user.
const uid = 10001

// TestWhatTheDockerfileBuildsRuns builds the image's last stage without an engine: with the
// Dockerfile's command, from the files that .dockerignore does not exclude.
func TestWhatTheDockerfileBuildsRuns(t *testing.T) {
	src := buildStage(t)
	t.Run("alone", func(t *testing.T) { testRunsAlone(t, src) })
	t.Run("on an installed ClickHouse", func(t *testing.T) { testRunsOnAnInstalledClickHouse(t, filepath.Join(src, "bin/stockpush")) })
}

// testRunsAlone runs the program with nothing but what the image has: as its user, in a root folder
// of its own.
func testRunsAlone(t *testing.T, src string) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root folder")
	}
	image := lastStage(t, src)
	out, err := inImage(image, "version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "(commit tested,")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	sandbox := inImage(image, "sandbox", "--listen", address, "--tokens-file", "/data/tokens.json")
	require.NoError(t, sandbox.Start())
	t.Cleanup(func() { _ = sandbox.Process.Kill(); _ = sandbox.Wait() })
	healthy := func() bool { return inImage(image, "ready", "--url", "http://"+address+"/sandbox/stats").Run() == nil }
	require.Eventually(t, healthy, time.Minute, 100*time.Millisecond)
	require.FileExists(t, filepath.Join(image, "data", "tokens.json"))
}

// testRunsOnAnInstalledClickHouse runs what a Mac has: a program that cannot load ClickHouse's
// library, and a program clickhouse. Here that is a launcher of the library.
func testRunsOnAnInstalledClickHouse(t *testing.T, program string) {
	demo := func() ([]byte, error) {
		return exec.Command(program, "demo", "--for", "1s", "--data-dir", t.TempDir(), "--broker-listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0",
			"--clickhouse-http", "127.0.0.1:0", "--console.listen", "127.0.0.1:0", "--ops.listen", "127.0.0.1:0").CombinedOutput()
	}
	embeddedtest.InstalledProgram(t) // names it in the environment
	out, err := demo()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "Successfully")
	t.Setenv(clickhouse.BinaryVariable, "")
	t.Setenv("PATH", "")
	out, err = demo()
	require.Error(t, err)
	require.Contains(t, string(out), clickhouse.BinaryVariable)
}

// buildStage returns the folder /src after the build stage.
func buildStage(t *testing.T) string {
	src := t.TempDir()
	copyContext(t, src)
	commands := of(dockerfile(t), "RUN")
	command, rest, _ := strings.Cut(commands[len(commands)-1], " && ")
	require.Equal(t, "mkdir /data", rest, "lastStage makes it")
	build := exec.Command("sh", "-ec", command)
	build.Dir, build.Env = src, append(os.Environ(), "COMMIT=tested")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return src
}

// copyContext copies what goes to the builder.
func copyContext(t *testing.T, to string) {
	out, from := ignored(t), os.DirFS(root)
	require.NoError(t, fs.WalkDir(from, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == ".":
			return nil
		case out(path) && entry.IsDir():
			return fs.SkipDir
		case out(path):
			return nil
		case entry.IsDir():
			return os.Mkdir(filepath.Join(to, path), 0o755)
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), text, 0o644)
	}))
}

// lastStage returns the image's root folder.
func lastStage(t *testing.T, src string) string {
	image := t.TempDir()
	require.NoError(t, os.Chmod(image, 0o755))
	for _, line := range of(final(dockerfile(t)), "COPY") {
		words := strings.Fields(line)
		from, to := words[len(words)-2], filepath.Join(image, words[len(words)-1])
		if from == "/data" {
			require.Contains(t, words, fmt.Sprintf("--chown=%d:%d", uid, uid))
			require.NoError(t, os.Mkdir(to, 0o755))
			require.NoError(t, os.Chown(to, uid, uid))
			continue
		}
		if inSource, ok := strings.CutPrefix(from, "/src/"); ok {
			from = filepath.Join(src, inSource)
		}
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, text, 0o755))
	}
	return image
}

func inImage(image string, args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/bin/stockpush", args...)
	cmd.Path, cmd.Err = "/usr/bin/stockpush", nil // in the image, not here
	cmd.Dir, cmd.Env = "/data", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: image, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}
