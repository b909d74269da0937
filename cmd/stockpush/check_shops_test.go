package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/setup"
)

func TestCheckAsksEveryShop(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	code, out, errs := s.stockpush("check")
	require.Equal(t, exitDone, code, out+errs)
	require.Contains(t, out, "ok      shopee      10 of 10 shops ok\n")
	require.Empty(t, s.Sandbox.Stock(10001), "the check mentions no item")
	for _, shop := range []int64{10003, 10007} {
		require.NoError(t, s.Sandbox.SetShop(sandbox.ShopState{ShopID: shop, Banned: true}))
	}
	code, out, _ = s.stockpush("check")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `FAILED  shopee      8 of 10 shops ok; 10003: shop_restricted, 10007: shop_restricted\. shop_restricted: .+ \(Shopee restricts or banned the shop\.`, out)
}

func TestSetupSummarisesWhatItMade(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2 topics, 1 declaration, 3 materialized views", summary([]setup.Change{
		{Kind: "topic"}, {Kind: "declaration"}, {Kind: "materialized view"}, {Kind: "topic"}, {Kind: "materialized view"}, {Kind: "materialized view"},
	}))
	const everything = `(?m)^5 topics, 1 declaration of the events topic, \d+ tables, \d+ materialized views, \d+ views`
	s := newSurroundings(t)
	_, out, _ := s.stockpush("setup", "--check")
	require.Regexp(t, everything+` missing or different \(`, out)
	_, out, _ = s.stockpush("setup")
	require.Regexp(t, everything+` made; everything is set up$`, out)
}
