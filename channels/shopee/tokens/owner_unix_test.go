//go:build unix

package tokens_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/tokens"
	"stockpush/channels/shopee/tokenstest"
)

func TestRootLeavesTheTokensToTheirOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change a file's owner")
	}
	const service, other = 61234, 61235
	path := filepath.Join(t.TempDir(), "tokens.json")
	require.NoError(t, os.Chown(filepath.Dir(path), service, service))
	put := func(access tokens.Secret) {
		tokenstest.Put(t, tokens.NewFileStore(path, nil), 1, tokens.Pair{AccessToken: access, RefreshToken: "r", ExpiresAt: time.Unix(2e9, 0)})
	}
	put("first")
	requireOwner(t, service, path, path+".lock") // the folder's
	require.NoError(t, os.Chown(path, other, other))
	put("second")
	requireOwner(t, other, path, path+".lock")
}

func requireOwner(t *testing.T, uid uint32, paths ...string) {
	t.Helper()
	for _, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		stat, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		require.Equal(t, uid, stat.Uid, path)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	}
}
