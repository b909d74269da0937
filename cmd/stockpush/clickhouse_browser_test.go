package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
)

// A page of another site attacks the embedded ClickHouse, even with the right password.
func TestBrowserWebPagesCannotUseTheEmbeddedClickHouse(t *testing.T) {
	b := newBrowser(t, desktop)
	dir := t.TempDir()
	store := embeddedtest.StartClickHouseIn(t, dir)
	files := filepath.Join(dir, "user_files")
	require.NoError(t, os.WriteFile(filepath.Join(files, "own.csv"), []byte("a secret"), 0o600))
	web := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	t.Cleanup(web.Close)
	page := strings.Replace(web.URL, "127.0.0.1", "localhost", 1) + "/attack.html" // a different site than 127.0.0.1
	for name, target := range map[string]string{
		"nothing":      "http://" + store.HTTPAddr() + "/",
		"the password": "http://" + store.HTTPAddr() + "/?" + url.Values{"password": {store.Password()}}.Encode(),
	} {
		b.run(chromedp.Navigate("about:blank")) // a changed fragment alone would load no page
		b.open(page + "#" + target)
		b.sees("done")
		require.Contains(t, b.text(), "read: refused", name)
		require.NotContains(t, b.text(), "a secret", name)
		found, err := filepath.Glob(filepath.Join(files, "*"))
		require.NoError(t, err)
		require.Equal(t, []string{filepath.Join(files, "own.csv")}, found, "a page that knows %s wrote", name)
	}
	b.mu.Lock()
	b.problem = nil // the browser reports every refusal
	b.mu.Unlock()
}
