package tokens

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func put(t *testing.T, store *FileStore, shopID int64, pair Pair) {
	t.Helper()
	_, err := store.Update(t.Context(), shopID, func(context.Context, Pair) (Pair, error) { return pair, nil })
	require.NoError(t, err)
}

func TestTheRoomOfANewPairIsProvenAndLeftAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	long := Pair{AccessToken: Secret(strings.Repeat("a", maxTokenBytes)), RefreshToken: Secret(strings.Repeat("r", maxTokenBytes)), ExpiresAt: time.Unix(2e9, 0).UTC()}
	for shop := range int64(3) {
		doc, err := parseDocument([]byte(`{"shops":[]}`))
		require.NoError(t, err)
		if shop > 0 {
			doc, _, err = readDocument(path)
			require.NoError(t, err)
		}
		tmp, err := reserve(path, doc, 1+shop)
		require.NoError(t, err)
		info, err := tmp.Stat()
		require.NoError(t, err)
		require.Equal(t, fileMode, info.Mode().Perm())
		want, err := doc.with(1+shop, long)
		require.NoError(t, err)
		require.GreaterOrEqual(t, info.Size(), int64(len(want)))
		discard(tmp)
		put(t, NewFileStore(path, nil), 1+shop, Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Unix(2e9, 0)})
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Less(t, len(text), 1000, "nothing of the reserve is left")
	}
}

func TestAFileThatOthersMayReadIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	for mode, warned := range map[os.FileMode]int{0o600: 0, 0o400: 0, 0o640: 1, 0o644: 1, 0o602: 1} {
		require.NoError(t, os.WriteFile(path, []byte(`{"shops":[]}`), mode))
		require.NoError(t, os.Chmod(path, mode))
		var logged bytes.Buffer
		s := NewFileStore(path, slog.New(slog.NewTextHandler(&logged, nil)))
		for range 3 {
			_, err := s.Read(t.Context()).Shops()
			require.NoError(t, err)
			_, err = s.reread()
			require.NoError(t, err)
		}
		require.Equal(t, warned, strings.Count(logged.String(), "level=WARN"), "%v: %s", mode, &logged)
	}
}

func TestARefusedRefreshTokenIsLostOnlyIfTheFileStillHoldsIt(t *testing.T) {
	store := NewFileStore(filepath.Join(t.TempDir(), "tokens.json"), nil)
	put(t, store, 1, Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Now().Add(time.Hour)})
	calls := 0
	pair, err := store.Update(t.Context(), 1, func(_ context.Context, held Pair) (Pair, error) {
		calls++
		if calls == 1 { // someone writes the file without taking the lock
			require.NoError(t, os.WriteFile(store.path, []byte(`{"shops":[{"shop_id":1,"access_token":"b","refresh_token":"s","expires_at":"2030-01-01T00:00:00Z"}]}`), 0o600))
			return Pair{}, ErrRefused
		}
		return held, nil
	})
	require.NoError(t, err)
	require.Equal(t, Secret("s"), pair.RefreshToken)
	_, err = store.Update(t.Context(), 1, func(context.Context, Pair) (Pair, error) { calls++; return Pair{}, ErrRefused })
	require.ErrorIs(t, err, ErrRefused)
	require.Equal(t, 3, calls)
}

func TestSecretsPrintNowhere(t *testing.T) {
	s := struct{ P Pair }{Pair{"hidden-a", "hidden-r", time.Time{}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, s), "hidden")
		require.NotContains(t, fmt.Sprintf(verb, s.P.AccessToken), "hidden")
	}
	b, err := json.Marshal(s)
	require.NoError(t, err)
	require.NotContains(t, string(b), "hidden")
}

// Whatever a tokens file holds, it is either refused without a word of it, or can
// be rewritten with one shop's pair changed and all else as it was.
func FuzzTokensFile(f *testing.F) {
	f.Add([]byte(`{"shops":[{"shop_id":10001,"access_token":"a","refresh_token":"b","expires_at":"2026-11-24T08:15:30Z","note":1}],"of":"others"}`))
	f.Add([]byte(`{"shops":null}`))
	f.Add([]byte(`{"shops":[{"SHOP_ID":1,"shop_id":2}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := parseDocument(b)
		if err != nil {
			return
		}
		pair := Pair{AccessToken: "new-access", RefreshToken: "new-refresh", ExpiresAt: time.Unix(1_800_000_000, 0).UTC()}
		again, err := doc.with(10001, pair)
		require.NoError(t, err)
		read, err := parseDocument(again)
		require.NoError(t, err, string(again))
		require.Equal(t, pair, read.pairs[10001])
		for id, before := range doc.pairs {
			if id != 10001 {
				require.Equal(t, before, read.pairs[id])
			}
		}
		require.True(t, json.Valid(again))
	})
}

// Opening a FIFO blocks until another process writes to it.
func TestAPathOfNoFileIsRefusedAtOnce(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.Symlink(fifo, filepath.Join(folder, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "file.lock"), 0o600))
	for _, path := range []string{fifo, filepath.Join(folder, "link"), folder, "/dev/null"} {
		s := NewFileStore(path, nil)
		require.ErrorContains(t, s.Check(), "shopee.tokens_file: "+path)
		_, err := s.Read(t.Context()).Of(10001)
		require.ErrorContains(t, err, "not a regular file")
		require.NotErrorIs(t, err, ErrMissing)
		_, err = s.Update(t.Context(), 10001, nil)
		require.ErrorContains(t, err, "not a regular file")
		_, _, err = readRegular(path)
		require.Error(t, err, "also if it became one after it was looked at")
	}
	s := NewFileStore(filepath.Join(folder, "file"), nil)
	require.NoError(t, s.Check(), "it can be made")
	_, err := s.Update(t.Context(), 10001, nil)
	require.ErrorContains(t, err, "file.lock: it is not a regular file")
	require.NotErrorIs(t, err, ErrMissing)
}

func TestWhatOthersKeepInTheFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"note":"x","shops":[{"shop_id":1,"name":"y","access_token":"a","refresh_token":"r","expires_at":"2030-01-01T00:00:00Z"}]}`), 0o600))
	put(t, NewFileStore(path, nil), 1, Pair{AccessToken: "b", RefreshToken: "s", ExpiresAt: time.Unix(2e9, 0)})
	var doc map[string]any
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &doc))
	require.Equal(t, map[string]any{"note": "x", "shops": []any{map[string]any{
		"shop_id": 1.0, "name": "y", "access_token": "b", "refresh_token": "s", "expires_at": "2033-05-18T03:33:20Z",
	}}}, doc)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 2, "the file and its lock")
}

func TestABrokenFileKeepsTheLastPairsAndIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	store := NewFileStore(path, nil)
	put(t, store, 1, Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Unix(2e9, 0)})
	require.NoError(t, os.WriteFile(path, []byte(`{"shops":[{"shop_id":1,"access_tok`), 0o600))
	pair, err := store.Read(t.Context()).Of(1)
	require.NoError(t, err)
	require.Equal(t, Secret("a"), pair.AccessToken)
	_, err = store.Update(t.Context(), 1, func(context.Context, Pair) (Pair, error) { return Pair{}, nil })
	require.ErrorContains(t, err, "shopee.tokens_file")
	_, err = NewFileStore(path, nil).Read(t.Context()).Of(1)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrMissing)
}

func TestPeekNeverWaits(t *testing.T) {
	store := NewFileStore(filepath.Join(t.TempDir(), "tokens.json"), nil)
	put(t, store, 1, Pair{"a", "r", time.Unix(2e9, 0).UTC()})
	store.mu.Lock() // as a slow disk holds it
	defer store.mu.Unlock()
	pair, err := store.Peek().Of(1)
	require.NoError(t, err)
	require.Equal(t, Secret("a"), pair.AccessToken)
	_, err = store.Peek().Of(2)
	require.ErrorIs(t, err, ErrMissing)
}
