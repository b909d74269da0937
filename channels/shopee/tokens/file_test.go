package tokens_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/tokens"
	"stockpush/channels/shopee/tokenstest"
)

func openFile(path string) tokenstest.Open {
	return func(*testing.T) tokens.Store { return tokens.NewFileStore(path, nil) }
}

func TestTheTokensFileConforms(t *testing.T) {
	tokenstest.Run(t, func(t *testing.T) tokenstest.Open { return openFile(filepath.Join(t.TempDir(), "tokens.json")) })
}

// writerFile names the tokens file that a child process of the test writes to.
const writerFile = "SHOPEE_TEST_TOKENS_FILE"

// TestTokensWriterProcess is the child of the test below.
func TestTokensWriterProcess(t *testing.T) {
	path := os.Getenv(writerFile)
	if path == "" {
		t.Skip("only a child process of another test runs this")
	}
	tokenstest.Write(t, tokens.NewFileStore(path, nil))
}

func TestAWriterKilledAtAnyPointLeavesAWholePairNoLockAndNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	tokenstest.Killed(t, openFile(path), "TestTokensWriterProcess", writerFile+"="+path)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 2, "the file and its lock")
}

func TestWhatOthersKeepBesideTheFileIsLetBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	for name, want := range map[string]bool{
		"tokens.json.123.tmp": false, "tokens.json.backup.tmp": true, "tokens.json.bak": true, "other.json.123.tmp": true, "tokens.json.tmp": true,
	} {
		beside := filepath.Join(filepath.Dir(path), name)
		require.NoError(t, os.WriteFile(beside, []byte("{}"), 0o600))
		tokenstest.Put(t, tokens.NewFileStore(path, nil), 1, tokens.Pair{AccessToken: "a", RefreshToken: "r", ExpiresAt: time.Unix(2e9, 0)})
		_, err := os.Stat(beside)
		require.Equal(t, want, err == nil, name)
	}
}
