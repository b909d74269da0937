package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/postgres/postgrestest"
	"stockpush/channels/shopee/sandbox"
)

// keepTokensIn replaces the configured tokens file by a database.
func (s *surroundings) keepTokensIn(dsn string) {
	text, err := os.ReadFile(s.File)
	require.NoError(s.TB, err)
	text = regexp.MustCompile(`tokens_(file|postgres): .*`).ReplaceAll(text, []byte("tokens_postgres: "+dsn))
	require.NoError(s.TB, os.WriteFile(s.File, text, 0o600))
}

func (s *surroundings) authorize(shop string) {
	code, link, errs := s.stockpush("authorize", "--redirect", "https://seller.example/back")
	require.Equal(s.TB, 0, code, errs)
	code, out, errs := s.stockpush("authorize", "--code", s.consent(link, shop).Get("code"), "--shop-id", shop)
	require.Equal(s.TB, 0, code, errs)
	require.Contains(s.TB, out, "stockpush_tokens")
}

func TestPostgresTokensOfTheProgram(t *testing.T) {
	dsn := postgrestest.Start(t)
	s := newSurroundings(t)
	s.keepTokensIn(dsn)
	code, out, _ := s.stockpush("check")
	require.Equal(t, 1, code)
	require.Regexp(t, `FAILED  shopee .*stockpush setup`, out)
	code, out, _ = s.stockpush("setup", "--check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "PostgreSQL table stockpush_tokens")
	s.setUp()
	_, out, _ = s.stockpush("check")
	require.Regexp(t, `FAILED  shopee .*stockpush authorize`, out)
	s.authorize("10001")
	code, out, errs := s.stockpush("check")
	require.Equal(t, 0, code, out+errs)

	p := s.Serve()
	s.send(event(10001, "x", 5))
	require.Eventually(t, func() bool { return len(s.Sandbox.Calls(10001)) == 1 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, s.Sandbox.AddFault(sandbox.Fault{ShopID: 10001, Kind: "unlink"}))
	s.send(event(10001, "x", 6))
	p.EventuallyLogged("shop held")
	s.authorize("10001")
	p.EventuallyLogged("shop no longer held")
	s.send(event(10001, "x", 7))
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(s.Sandbox.Stock(10001), func(m sandbox.Stock) bool { return m.Stock == 7 })
	}, 30*time.Second, 20*time.Millisecond)
	p.Terminate()
}

func TestTokensNeedExactlyOneStore(t *testing.T) {
	s := newSurroundings(t)
	code, _, errs := s.stockpush("check", "--shopee.tokens_postgres", "postgres://u:hidden@h/db")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "shopee.tokens_file, shopee.tokens_postgres")
	require.NotContains(t, errs, "hidden")
	s.keepTokensIn("nonsense-hidden")
	code, _, errs = s.stockpush("check")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "shopee.tokens_postgres")
	require.NotContains(t, errs, "hidden")
	s.keepTokensIn("postgres://u:hidden@127.0.0.1:1/db")
	code, out, errs := s.stockpush("check")
	require.Equal(t, 1, code)
	require.Regexp(t, `FAILED  shopee .*check host`, out)
	require.NotContains(t, out+errs, "hidden")
	_, out, _ = s.stockpush("config")
	require.NotContains(t, out, "hidden")
}
