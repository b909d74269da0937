package postgres

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockpush/channels/shopee/postgres/postgrestest"
	"stockpush/channels/shopee/tokens"
	"stockpush/channels/shopee/tokenstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partner = 1000001

func opener(dsn string) tokenstest.Open {
	return func(t *testing.T) tokens.Store { return open(t, dsn, partner) }
}

func open(t *testing.T, dsn string, partnerID int64) *Store {
	s, err := Open(dsn, partnerID)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// setUp is a server with the table.
func setUp(t *testing.T) (dsn string) {
	dsn = postgrestest.Start(t)
	made, err := open(t, dsn, partner).Setup(t.Context(), false)
	require.NoError(t, err)
	require.Len(t, made, 1)
	return dsn
}

func TestPostgresConforms(t *testing.T) {
	dsn := setUp(t)
	tokenstest.Run(t, func(t *testing.T) tokenstest.Open {
		_, err := open(t, dsn, partner).pool.Exec(t.Context(), "DELETE FROM stockpush_tokens")
		require.NoError(t, err)
		return opener(dsn)
	})
}

// writerDSN is the server that a child process of the test writes to.
const writerDSN = "SHOPEE_TEST_TOKENS_POSTGRES"

// TestTokensWriterProcess is the child of the test below.
func TestTokensWriterProcess(t *testing.T) {
	dsn := os.Getenv(writerDSN)
	if dsn == "" {
		t.Skip("only a child process of another test runs this")
	}
	tokenstest.Write(t, open(t, dsn, partner))
}

func TestPostgresAWriterKilledAtAnyPointLeavesAWholePairAndNoLock(t *testing.T) {
	dsn := setUp(t)
	tokenstest.Killed(t, opener(dsn), "TestTokensWriterProcess", writerDSN+"="+dsn)
}

func TestPostgresSetupSaysWhatItMade(t *testing.T) {
	dsn := postgrestest.Start(t)
	s := open(t, dsn, partner)
	_, err := s.Read(t.Context()).Of(1)
	require.ErrorContains(t, err, "stockpush setup")
	require.NotErrorIs(t, err, tokens.ErrMissing, "not set up is not unauthorized")
	missing, err := s.Setup(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, missing, 1)
	for _, want := range []int{1, 0} {
		made, err := s.Setup(t.Context(), false)
		require.NoError(t, err)
		require.Len(t, made, want)
	}
	require.Eventually(t, func() bool { _, err := s.Read(t.Context()).Shops(); return err == nil }, 30*time.Second, 10*time.Millisecond)
}

func TestPostgresKeepsAppsApart(t *testing.T) {
	dsn := setUp(t)
	live, test := open(t, dsn, 1), open(t, dsn, 2)
	tokenstest.Put(t, live, 7, tokenstest.Numbered(1))
	tokenstest.Put(t, test, 7, tokenstest.Numbered(2))
	for s, want := range map[*Store]int{live: 1, test: 2} {
		got, err := open(t, dsn, s.partner).Read(t.Context()).Of(7)
		require.NoError(t, err)
		require.Equal(t, tokenstest.Numbered(want), got)
	}
}

func TestPostgresOutageKeepsTheLastPairsAndSpendsNothing(t *testing.T) {
	dsn := setUp(t)
	s := open(t, dsn, partner)
	tokenstest.Put(t, s, 7, tokenstest.Numbered(1))
	_, err := s.pool.Exec(t.Context(), "ALTER TABLE stockpush_tokens RENAME TO elsewhere")
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := s.Read(t.Context()).Shops(); return err != nil }, 30*time.Second, 10*time.Millisecond)
	got, err := s.Read(t.Context()).Of(7)
	require.NoError(t, err)
	require.Equal(t, tokenstest.Numbered(1), got)
	_, err = s.Update(t.Context(), 7, func(context.Context, tokens.Pair) (tokens.Pair, error) {
		require.Fail(t, "the refresh token would be spent")
		return tokens.Pair{}, nil
	})
	require.ErrorContains(t, err, "shopee.tokens_postgres")
}

// A server that can be read and takes no writes, as with a full disk, whether a
// statement says so or the commit, spends no refresh token.
func TestPostgresThatTakesNoWritesSpendsNothing(t *testing.T) {
	dsn := setUp(t)
	s := open(t, dsn, partner)
	tokenstest.Put(t, s, 7, tokenstest.Numbered(1))
	exec := func(statement string) {
		_, err := s.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`)
	for _, trigger := range []string{
		"TRIGGER full_disk BEFORE UPDATE ON stockpush_tokens FOR EACH ROW",
		"CONSTRAINT TRIGGER full_disk AFTER UPDATE ON stockpush_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
	} {
		exec("CREATE " + trigger + " EXECUTE FUNCTION full_disk()")
		_, err := s.Update(t.Context(), 7, func(context.Context, tokens.Pair) (tokens.Pair, error) {
			require.Fail(t, "the refresh token would be spent")
			return tokens.Pair{}, nil
		})
		require.ErrorContains(t, err, "could not extend file")
		exec("DROP TRIGGER full_disk ON stockpush_tokens")
	}
	tokenstest.Put(t, s, 7, tokenstest.Numbered(2))
}

func TestErrorsOfOpenShowNoSecret(t *testing.T) {
	for _, dsn := range []string{"postgres://u:hidden@host:notaport/db", "host=x password=hidden sslmode=what", "postgres://u:hid%zzden@host/db"} {
		_, err := Open(dsn, 1)
		require.ErrorContains(t, err, "shopee.tokens_postgres")
		require.NotContains(t, err.Error(), "hid")
	}
	s := open(t, "postgres://u:hidden@127.0.0.1:1/db?connect_timeout=1", 1)
	_, err := s.Read(t.Context()).Of(1)
	require.ErrorContains(t, err, "check host")
	require.NotContains(t, err.Error(), "hidden")
}
