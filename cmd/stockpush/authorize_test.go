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
func (s *surroundings) consent(link, shop string) url.Values { return s.agree(link, "shop_id", shop) }

// agree gives consent for a shop or a main account.
func (s *surroundings) agree(link, parameter, id string) url.Values {
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(strings.TrimSpace(link) + "&" + parameter + "=" + id)
	require.NoError(s.TB, err)
	require.NoError(s.TB, res.Body.Close())
	back, err := res.Location()
	require.NoError(s.TB, err)
	return back.Query()
}

func TestShopIsAuthorizedAndAuthorizedAgain(t *testing.T) {
	t.Parallel()
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

func TestMainAccountAuthorizesItsShops(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(s.File), "tokens.json")))
	_, link, _ := s.stockpush("authorize", "--redirect", "https://seller.example/back")
	back := s.agree(link, "main_account_id", "700001")
	require.Equal(t, "700001", back.Get("main_account_id"))
	require.Empty(t, back.Get("shop_id"))
	code, out, errs := s.stockpush("authorize", "--code", back.Get("code"), "--main-account-id", "700001")
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "shop 10001 is authorized")
	require.Contains(t, out, "shop 10002 is authorized")
	require.Len(t, s.Sandbox.Refreshes(10002), 1, "it has tokens of its own")
	code, _, errs = s.stockpush("authorize", "--code", back.Get("code"), "--main-account-id", "700001")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "new consent link")
	for _, flags := range [][]string{{"--code", "x", "--shop-id", "1", "--main-account-id", "2"}, {"--main-account-id", "2"}, {"--code", "x", "--main-account-id", "-2"}} {
		code, _, errs = s.stockpush(append([]string{"authorize"}, flags...)...)
		require.Equal(t, 2, code)
		require.Contains(t, errs, "--main-account-id")
	}
}
