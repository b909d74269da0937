package texts_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/texts"
	"stockpush/schemas"
)

type message struct{ One, Other string }

func messages(t *testing.T, code string) map[string]message {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("messages", "active."+code+".toml"))
	require.NoError(t, err)
	all := map[string]message{}
	require.NoError(t, toml.Unmarshal(raw, &all))
	return all
}

var placeholder = regexp.MustCompile(`\{\{\.\w+\}\}|\{n\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestEveryLanguageHasEveryText(t *testing.T) {
	english := messages(t, "en")
	require.Greater(t, len(english), 300)
	for _, l := range texts.All() {
		own := messages(t, l.Code)
		for id, m := range english {
			require.NotEmpty(t, own[id].Other, "%s is missing in %s", id, l.Code)
			require.Equal(t, placeholders(m.Other), placeholders(own[id].Other), "%s in %s", id, l.Code)
			require.True(t, l.Has(id), "%s in %s", id, l.Code)
		}
		for id := range own {
			require.Contains(t, english, id, "%s has a text that English has not", l.Code)
		}
	}
}

// Texts of the closed sets are looked up by their words.
func TestEveryWordOfAClosedSetHasATextOfItsOwn(t *testing.T) {
	var ids []string
	for _, r := range schemas.Reasons() {
		ids = append(ids, "reason."+r.Slug())
		require.Equal(t, r.Label(), texts.Named("en").T("reason."+r.Slug()))
	}
	for s := schemas.Pending; s <= schemas.Successfully; s++ {
		ids = append(ids, "status."+s.String())
		require.Equal(t, s.String(), texts.Named("en").T("status."+s.String()))
	}
	for _, c := range schemas.FailureCodes() {
		ids = append(ids, "code."+string(c), "hint."+string(c))
	}
	for _, c := range schemas.BadEventCodes() {
		ids = append(ids, "bad."+c)
	}
	for _, l := range texts.All() {
		for _, id := range ids {
			require.True(t, l.Has(id), "%s in %s", id, l.Code)
			if !l.IsEnglish() {
				require.NotEqual(t, l.English(id), l.T(id), "%s in %s is English", id, l.Code)
			}
		}
	}
}

// contexts are where a text is read, and the words that do not fit there.
var contexts = []struct {
	name      string
	forbidden *regexp.Regexp
	texts     func(*testing.T) map[string]string
}{
	{"the page, for a seller", regexp.MustCompile("`|stockpush [a-z]|\\b(shopee|channels|console|kafka|clickhouse|processor)\\.[a-z_]+|\\blogs?\\b|\\b(?i:terminal|exit code|stderr)\\b"), ofThePage},
	{"a failed record, in SQL, the API and on a terminal", pageWords, ofCodes(schemas.FailureCode.Hint)},
	{"a log line or a check, where no push failed", regexp.MustCompile(pageWords.String() + "|(?i)re-push|again"), ofCodes(schemas.FailureCode.Remedy)},
}

var pageWords = regexp.MustCompile(`(?i)\b(button|click|tab|page|select)\b`)

// ofThePage returns all texts but those for administrators, in each language.
func ofThePage(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, l := range texts.All() {
		for id, m := range messages(t, l.Code) {
			if !strings.HasPrefix(id, "admin.") {
				all[id+" in "+l.Code] = m.Other
			}
		}
	}
	return all
}

func ofCodes(text func(schemas.FailureCode) string) func(*testing.T) map[string]string {
	return func(*testing.T) map[string]string {
		all := map[string]string{}
		for _, code := range schemas.FailureCodes() {
			all[string(code)] = text(code)
		}
		return all
	}
}

func TestHintsFitTheirContext(t *testing.T) {
	for _, c := range contexts {
		for id, text := range c.texts(t) {
			require.NotEmpty(t, text, "%s: %s", c.name, id)
			require.NotRegexp(t, c.forbidden, text, "%s: %s", c.name, id)
		}
	}
}

// An administrator's hint on the page is the one that SQL users read.
func TestAdministratorsHaveOneHint(t *testing.T) {
	english := texts.Named("en")
	for _, code := range schemas.FailureCodes() {
		if english.Has("admin." + string(code)) {
			require.Equal(t, code.Hint(), english.T("admin."+string(code)))
		} else {
			require.Equal(t, code.Hint(), english.T("hint."+string(code)), "a code without an administrator's hint has one hint for all")
		}
	}
}

func TestLanguageIsTheCookiesThenTheBrowsers(t *testing.T) {
	for _, c := range []struct{ cookie, accept, want string }{
		{"", "", "en"}, {"", "de-DE,de;q=0.9", "en"}, {"", "th-TH,th;q=0.9,en;q=0.8", "th"}, {"", "zh-CN", "zh-Hans"}, {"", "fr, vi;q=0.5", "vi"},
		{"", "id-ID", "id"}, {"", "in", "id"}, {"id", "th", "id"}, {"nonsense", "th", "th"}, {"", "\xff;;", "en"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.Header.Set("Cookie", texts.Cookie+"="+c.cookie)
		}
		require.Equal(t, c.want, texts.Of(r).Code, "%+v", c)
	}
}

func TestTextHasPluralsAndEscapesValuesOfHTML(t *testing.T) {
	english := texts.Named("en")
	require.Equal(t, "1 call", english.T("history.calls", "N", uint16(1)))
	require.Equal(t, "1,234 calls", english.T("history.calls", "N", 1234))
	require.Equal(t, "Shop <b>", english.T("shop", "ID", "<b>"))
	require.EqualValues(t, "Shop (&lt;b&gt;)", english.Rich("shop", texts.Between("(", ")"), "ID", "<b>"))
	require.Equal(t, "no.such.text", english.T("no.such.text"))
}
