package shopee

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writerFile names the tokens file that a child process of the test writes to.
const writerFile = "SHOPEE_TEST_TOKENS_FILE"

// TestTokensWriterProcess is the child of the test below: it replaces the pair
// for ever and says which one it holds durably.
func TestTokensWriterProcess(t *testing.T) {
	path := os.Getenv(writerFile)
	if path == "" {
		t.Skip("only a child process of another test runs this")
	}
	store := NewFileStore(path)
	for {
		pair, err := store.Update(t.Context(), testShop, func(_ context.Context, held TokenPair) (TokenPair, error) {
			turn, err := turnOf(held)
			return turnPair(turn + 1), err
		})
		require.NoError(t, err)
		fmt.Println("durable", strings.TrimPrefix(pair.RefreshToken.Reveal(), "refresh-"))
	}
}

func turnPair(turn int) TokenPair {
	filler := strings.Repeat("x", 2048) // so that a half-written file is likely to be seen
	return TokenPair{Secret(fmt.Sprintf("access-%d-%s", turn, filler)), Secret(fmt.Sprintf("refresh-%d", turn)), time.Unix(2e9, 0).UTC()}
}

func turnOf(pair TokenPair) (int, error) {
	return strconv.Atoi(strings.TrimPrefix(pair.RefreshToken.Reveal(), "refresh-"))
}

func TestAWriterKilledAtAnyPointLeavesAWholePairAndNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	put(t, NewFileStore(path), testShop, turnPair(0))
	for kill := range 20 {
		told := killedAfter(t, path, 1+kill%4, time.Duration(kill*97)*time.Microsecond)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		pair, err := NewFileStore(path).Update(ctx, testShop, func(_ context.Context, held TokenPair) (TokenPair, error) { return held, nil })
		cancel()
		require.NoError(t, err, "the lock of a process that died is free")
		turn, err := turnOf(pair)
		require.NoError(t, err)
		require.Equal(t, turnPair(turn), pair, "one whole pair, not half of two")
		require.GreaterOrEqual(t, turn, told, "a pair that was told durable is gone")
	}
}

// killedAfter runs a writer, kills it a while after it told of some pairs, and
// returns the newest that it told.
func killedAfter(t *testing.T, path string, pairs int, while time.Duration) (told int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTokensWriterProcess$")
	child.Env = append(os.Environ(), writerFile+"="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for said := 0; lines.Scan(); {
		turn, ok := strings.CutPrefix(lines.Text(), "durable ")
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(turn); err == nil {
			told = n
		}
		if said++; said == pairs {
			time.AfterFunc(while, func() { _ = child.Process.Kill() })
		}
	}
	require.Error(t, child.Wait(), "it was killed")
	require.Positive(t, told)
	return told
}
