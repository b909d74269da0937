package shopee

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// disk is a small file system.
type disk struct {
	t      *testing.T
	folder string
}

func newDisk(t *testing.T) *disk {
	folder := t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("a file system of its own needs the right to mount: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, 0)) })
	return &disk{t, folder}
}

func (d *disk) tokens() string { return filepath.Join(d.folder, "tokens.json") }

// fill takes all room that is left.
func (d *disk) fill() {
	f, err := os.OpenFile(filepath.Join(d.folder, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, f.Close()) }()
	for room := make([]byte, 512); ; {
		if _, err = f.Write(room); err != nil {
			require.ErrorIs(d.t, err, syscall.ENOSPC)
			return
		}
	}
}

func (d *disk) empty() { require.NoError(d.t, os.Remove(filepath.Join(d.folder, "filler"))) }

// on makes a client whose tokens are on the disk; before is called before each request.
func (d *disk) on(server *chain, before func(path string)) (*Client, *syncBuffer) {
	first := clientOf(d.t, func(w http.ResponseWriter, r *http.Request) { before(r.URL.Path); server.ServeHTTP(w, r) }, 0)
	store := tokens.NewFileStore(d.tokens(), nil)
	put(d.t, store, testShop, tokens.Pair{AccessToken: "access-0", RefreshToken: "refresh-1", ExpiresAt: time.Now().Add(-time.Hour)})
	c, logged := loggingClient(d.t, baseOf(first), store)
	return c, logged
}

func TestAFullDiskSpendsNoRefreshToken(t *testing.T) {
	d, server := newDisk(t), &chain{turn: 1}
	c, logged := d.on(server, func(string) {})
	d.fill()
	for range 2 {
		a := c.Push(t.Context(), callOf(line(1, 1)))
		require.Equal(t, schemas.ChannelUnavailable, a.Verdicts[0].Code, "it is tried again later")
		require.Equal(t, channels.ScopeModel, a.Verdicts[0].Scope)
		require.Contains(t, a.Verdicts[0].Message, "no space left")
		require.Zero(t, a.Calls)
	}
	require.Zero(t, server.refreshes.Load())
	require.InDelta(t, 2, shows(t, c.metrics.storeFailures), 0)
	require.Zero(t, shows(t, c.metrics.unstored))
	require.Equal(t, 1, logged.count("level=ERROR"), "not at each push: %s", logged)
	require.Contains(t, logged.String(), "tokens cannot be stored")
	d.empty()
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
}

func TestADiskThatFillsDuringARefreshLosesNothing(t *testing.T) {
	d, server := newDisk(t), &chain{turn: 1}
	c, logged := d.on(server, func(path string) {
		if path == api.PathRefresh {
			d.fill()
		}
	})
	require.Equal(t, channels.Confirmed, c.Push(t.Context(), callOf(line(1, 1))).Verdicts[0].Outcome)
	pair, err := tokens.NewFileStore(d.tokens(), nil).Read(t.Context()).Of(testShop)
	require.NoError(t, err)
	require.Equal(t, tokens.Secret("refresh-2"), pair.RefreshToken, "a process that starts now has the shop")
	require.Zero(t, logged.count("level=ERROR"), logged)
}
