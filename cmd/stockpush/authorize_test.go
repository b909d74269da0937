package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
)

// consent opens the link as a seller's browser does and agrees for a shop.
func (s *surroundings) consent(link, shop string) url.Values {
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(strings.TrimSpace(link) + "&shop_id=" + shop)
	require.NoError(s.TB, err)
	require.NoError(s.TB, res.Body.Close())
	back, err := res.Location()
	require.NoError(s.TB, err)
	return back.Query()
}

func TestAShopIsAuthorizedAndAuthorizedAgain(t *testing.T) {
	s := newSurroundings(t)
	tokens := filepath.Join(filepath.Dir(s.File), "tokens.json")
	require.NoError(t, os.Remove(tokens))
	code, link, errs := s.stockpush("authorize", "--redirect", "https://seller.example/back")
	require.Equal(t, 0, code, errs)
	require.Contains(t, link, s.Web.URL+"/api/v2/shop/auth_partner?")
	back := s.consent(link, "10001")
	code, out, errs := s.stockpush("authorize", "--code", back.Get("code"), "--shop-id", back.Get("shop_id"))
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "shop 10001 is authorized")
	held, err := os.Stat(tokens)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), held.Mode().Perm())

	s.setUp()
	p := s.Serve()
	s.send(event(10001, "x", 5))
	require.Eventually(t, func() bool { return len(s.Sandbox.Calls(10001)) == 1 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, s.Sandbox.AddFault(sandbox.Fault{ShopID: 10001, Kind: "unlink"}))
	s.send(event(10001, "x", 6))
	p.EventuallyLogged("shop held")
	back = s.consent(link, "10001")
	code, _, errs = s.stockpush("authorize", "--code", back.Get("code"), "--shop-id", "10001")
	require.Equal(t, 0, code, errs)
	p.EventuallyLogged("shop no longer held") // at once: the probe interval is a minute
	s.send(event(10001, "x", 7))
	require.Eventually(t, func() bool { return s.Sandbox.Stock(10001)[0].Stock == 7 }, 30*time.Second, 20*time.Millisecond)
	p.Terminate()

	code, _, errs = s.stockpush("authorize", "--code", back.Get("code"), "--shop-id", "10001")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "new consent link")
	require.NotContains(t, errs, back.Get("code"), "a code is a secret")
	code, _, errs = s.stockpush("authorize", "--code", "x")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--shop-id")
}
