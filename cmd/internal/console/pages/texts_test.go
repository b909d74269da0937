package pages_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/console/texts"
)

// shownAttributes are the attributes that people read or hear.
var shownAttributes = map[string]bool{"aria-label": true, "title": true, "placeholder": true, "alt": true}

var anyLetter = regexp.MustCompile(`\p{L}`)

// bareTexts returns the words that a template has itself, instead of in package texts.
func bareTexts(t *testing.T, name, source string) (bare []string) {
	t.Helper()
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	sets := map[string]*parse.Tree{}
	_, err := tree.Parse(source, "", "", sets)
	require.NoError(t, err)
	for _, set := range sets {
		var markup strings.Builder
		writeTexts(&markup, set.Root)
		read := html.NewTokenizer(strings.NewReader(markup.String()))
		for read.Next() != html.ErrorToken {
			token := read.Token()
			if token.Type == html.TextToken && !strings.HasPrefix(token.Data, "<meta") && anyLetter.MatchString(token.Data) {
				bare = append(bare, strings.TrimSpace(token.Data))
			}
			for _, a := range token.Attr {
				if shownAttributes[a.Key] && anyLetter.MatchString(a.Val) {
					bare = append(bare, a.Key+"="+a.Val)
				}
			}
		}
	}
	return bare
}

// writeTexts writes the markup of a template, without its actions.
func writeTexts(w *strings.Builder, n parse.Node) {
	branch := func(b *parse.BranchNode) {
		writeTexts(w, b.List)
		if b.ElseList != nil {
			writeTexts(w, b.ElseList)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			writeTexts(w, child)
		}
	case *parse.TextNode:
		w.Write(n.Text)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}

func TestTemplatesHaveNoTextOfTheirOwn(t *testing.T) {
	require.Equal(t, []string{"aria-label=Shops"}, bareTexts(t, "x", `<p aria-label="Shops">{{if .}}<b title="{{t "a"}}">{{.}}</b>{{end}} · </p>`))
	require.Equal(t, []string{"Shop"}, bareTexts(t, "x", `<p>{{range .}}Shop {{.}}{{end}}</p>`))
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	require.Greater(t, len(files), 8)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Empty(t, bareTexts(t, file, string(raw)), "%s: put the text into texts/messages", file)
	}
}

var (
	usedInTemplates = regexp.MustCompile(`\b(?:t|bold) "([a-z][^"]*)"`)
	usedInCode      = regexp.MustCompile(`\.T\("([^"]+)"[,)]`)
)

func TestEveryUsedTextExists(t *testing.T) {
	english, seen := texts.Named("en"), 0
	for pattern, used := range map[string]*regexp.Regexp{"templates/*.html": usedInTemplates, "*.go": usedInCode, "../*.go": usedInCode} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, found := range used.FindAllStringSubmatch(string(raw), -1) {
				seen++
				require.True(t, english.Has(found[1]), "%s uses %q, which messages/active.en.toml has not", file, found[1])
			}
		}
	}
	require.Greater(t, seen, 200)
}

func TestPagesAreInTheReadersLanguage(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(3), Retrier: &publisher{}})
	for _, c := range []struct{ accept, lang, failed, reason, todo string }{
		{"en", "en", "Failed", "Sync Order", "What to do:"}, {"zh-CN", "zh-Hans", "失败", "同步订单", "怎么办:"}, {"id", "id", "Gagal", "Sinkronkan Pesanan", "Yang harus dilakukan:"},
		{"th", "th", "ล้มเหลว", "ซิงค์คำสั่งซื้อ", "ต้องทำอะไร:"}, {"vi-VN", "vi", "Thất bại", "Đồng bộ đơn hàng", "Cần làm gì:"},
	} {
		status, page, headers := get(t, h, "/push-records", "Accept-Language", c.accept)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, page, `<html lang="`+c.lang+`">`)
		require.Equal(t, c.lang, headers.Get("Content-Language"))
		require.Contains(t, headers.Get("Vary"), "Accept-Language")
		require.Contains(t, page, c.failed)
		require.Contains(t, page, c.reason)
		require.Contains(t, page, c.todo)
		if c.lang != "en" { // the contract's words stay beside the translation
			require.Contains(t, page, `<span class="english" lang="en">Failed</span>`)
			require.Contains(t, page, `<span class="english" lang="en">Sync Order</span>`)
		}
		for _, path := range []string{"/push-records/merchant-skus", historyOfEvil, "/push-records/rejected", "/push-records/overview"} {
			status, page, _ := get(t, h, path, "Accept-Language", c.accept)
			require.Equal(t, http.StatusOK, status, page)
			require.Less(t, len(page), 200_000)
			inert(t, page)
		}
	}
}

func TestLanguageSwitchIsKept(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}})
	back := "/push-records/overview?since=1h"
	status, _, headers := get(t, h, "/push-records/language?"+url.Values{"to": {"th"}, "back": {back}}.Encode())
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, back, headers.Get("Location"))
	_, page, _ := get(t, h, back, "Accept-Language", "vi", "Cookie", strings.Split(headers.Get("Set-Cookie"), ";")[0])
	require.Contains(t, page, `<html lang="th">`)
	status, _, headers = get(t, h, "/push-records/language?to=xx&back=https://elsewhere.example")
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "/push-records", headers.Get("Location"))
	require.Empty(t, headers.Get("Set-Cookie"))
}

func TestTimesAreInTheReadersZone(t *testing.T) {
	r := sample(1)
	r.skus[0].LastTriggeredAt = r.skus[0].LastTriggeredAt.UTC()
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	for zone, offset := range map[string]string{"Asia%2FBangkok": "Asia/Bangkok", "Local": "UTC", "..%2Fetc": "UTC", "": "UTC"} {
		_, page, _ := get(t, h, "/push-records", "Cookie", "stockpush_zone="+zone)
		require.Contains(t, page, "Times are "+offset+".")
	}
}
