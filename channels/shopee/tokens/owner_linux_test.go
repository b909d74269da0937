package tokens_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"stockpush/channels/shopee/tokens"
)

// As in a container without CAP_CHOWN: whose the file is matters less than the token in it.
func TestRootThatMayNotChangeOwnersStoresTokens(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change a file's owner")
	}
	const service = 61234
	path := filepath.Join(t.TempDir(), "tokens.json")
	require.NoError(t, os.Chown(filepath.Dir(path), service, service))
	want := tokens.Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Unix(2e9, 0).UTC()}
	stored := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, and what it lacks, ends with the goroutine
		if err := dropChown(); err != nil {
			stored <- err
			return
		}
		_, err := tokens.NewFileStore(path, nil).Update(t.Context(), 1, func(context.Context, tokens.Pair) (tokens.Pair, error) { return want, nil })
		stored <- err
	}()
	require.NoError(t, <-stored)
	requireOwner(t, 0, path)
	require.Equal(t, want, tokens.NewFileStore(path, nil).Read(t.Context()).Pairs[1])
}

func dropChown() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[0].Effective &^= 1 << unix.CAP_CHOWN
	return unix.Capset(&header, &sets[0])
}
