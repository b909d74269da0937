package deploy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// uid is the image's user.
const uid = 10001

// TestImageContentsRunAlone runs the program with nothing but what the image has: as its user, in a
// root folder with the files that its last stage copies.
func TestImageContentsRunAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root folder")
	}
	image := t.TempDir()
	for _, dir := range []string{"usr/bin", "data"} {
		require.NoError(t, os.MkdirAll(filepath.Join(image, dir), 0o755))
	}
	require.NoError(t, os.Chmod(image, 0o755))
	require.NoError(t, os.Chown(filepath.Join(image, "data"), uid, uid))
	build := exec.Command("go", "build", "-trimpath", "-tags", "static", "-ldflags", "-s -w", "-o", filepath.Join(image, "usr/bin/stockpush"), "./cmd/stockpush")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = inImage(image, "version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "stockpush ")
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

func inImage(image string, args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/bin/stockpush", args...)
	cmd.Path, cmd.Err = "/usr/bin/stockpush", nil // in the image, not here
	cmd.Dir, cmd.Env = "/data", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: image, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}
