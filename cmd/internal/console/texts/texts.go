// Package texts has every text of the console's pages, in the page's languages.
//
// To add a text: choose an id such as "shops.title" and add it to all five files in messages/. The
// tests fail if an id is missing in a language, if a template uses an id that no file has or has a
// text of its own, and if the languages' placeholders differ. A text names its placeholders, such as
// {{.N}}; "one" and "other" are the plural forms, which English alone needs.
//
// In a template of package pages:
//
//	{{t "shops.title"}}                        a text
//	{{t "shops.waiting" "N" .Waiting}}         with placeholders; N also chooses the plural form
//	{{bold "list.failing" "N" .Failing}}       with placeholders in bold, as HTML
//	{{template "reason" .LastReason}}          a reason's label, with its English beside it
//	{{template "status" .LastPushStatus}}      a status with its icon, likewise
//	{{code .FailureCode}} {{hint .FailureCode}} {{admin .FailureCode}}
//	                                           a failure code in words, what a seller can do about
//	                                           it, and what an administrator can do
//
// In Go code of package pages, a request's language is its reader: c.reader(r).T("shops.title").
// The language is the cookie's, else the best of the browser's Accept-Language, else English.
package texts

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed messages/*.toml
var files embed.FS

// Language is a language of the pages. It is safe for concurrent use.
type Language struct {
	// Code is its BCP 47 tag, which the cookie and the page's lang attribute contain.
	Code string
	// Name is its name in the language itself.
	Name      string
	localizer *i18n.Localizer
}

var names = []struct{ code, name string }{
	{"en", "English"}, {"zh-Hans", "简体中文"}, {"id", "Bahasa Indonesia"}, {"th", "ไทย"}, {"vi", "Tiếng Việt"},
}

var (
	all, matcher = load()
	english      = all[0]
)

func load() ([]*Language, language.Matcher) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	var languages []*Language
	var tags []language.Tag
	for _, n := range names {
		if _, err := bundle.LoadMessageFileFS(files, "messages/active."+n.code+".toml"); err != nil {
			panic(err) // the files are embedded
		}
		tags = append(tags, language.MustParse(n.code))
	}
	for _, n := range names {
		languages = append(languages, &Language{n.code, n.name, i18n.NewLocalizer(bundle, n.code)})
	}
	return languages, language.NewMatcher(tags)
}

// All lists the languages, English first.
func All() []*Language { return all }

// Cookie is the name of the cookie with the chosen language.
const Cookie = "stockpush_language"

// Of returns the language of a request.
func Of(r *http.Request) *Language {
	if chosen, err := r.Cookie(Cookie); err == nil {
		if l := Named(chosen.Value); l != nil {
			return l
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(wanted) == 0 {
		return english
	}
	_, best, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return english
	}
	return all[best]
}

// Named returns the language with a code; nil if there is none.
func Named(code string) *Language {
	for _, l := range all {
		if l.Code == code {
			return l
		}
	}
	return nil
}

// IsEnglish reports whether the texts are English, so that no English is needed beside them.
func (l *Language) IsEnglish() bool { return l == english }

// English returns the same text in English.
func (l *Language) English(id string) string { return english.T(id) }

// Has reports whether a text exists in the language itself.
func (l *Language) Has(id string) bool {
	_, tag, err := l.localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: id, TemplateData: map[string]string{}, PluralCount: 2})
	return err == nil && tag == language.MustParse(l.Code)
}

// T returns a text. The arguments are the placeholders' names and values in turn. Numbers are
// grouped by thousands, and the number N chooses the plural form. An id that does not exist is
// returned as it is.
func (l *Language) T(id string, args ...any) string {
	return l.text(id, args, func(value string) string { return value })
}

// Between returns a function for Rich that puts fixed HTML before and after a value.
func Between(before, after template.HTML) func(template.HTML) template.HTML {
	return func(value template.HTML) template.HTML { return before + value + after }
}

// Rich returns a text as HTML. Values are escaped, unless they are HTML, and wrap then surrounds
// each.
func (l *Language) Rich(id string, wrap func(template.HTML) template.HTML, args ...any) template.HTML {
	for i := 1; i < len(args); i += 2 {
		if _, isHTML := args[i].(template.HTML); !isHTML {
			if _, isNumber := whole(args[i]); isNumber {
				continue
			}
			args[i] = template.HTML(template.HTMLEscapeString(fmt.Sprint(args[i])))
		}
	}
	return template.HTML(l.text(id, args, func(value string) string { return string(wrap(template.HTML(value))) }))
}

func (l *Language) text(id string, args []any, wrap func(string) string) string {
	config := i18n.LocalizeConfig{MessageID: id}
	data := make(map[string]string, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name, value := fmt.Sprint(args[i]), fmt.Sprint(args[i+1])
		if n, ok := whole(args[i+1]); ok {
			value = Count(n)
			if name == "N" {
				config.PluralCount = min(n, 1000)
			}
		}
		data[name] = wrap(value)
	}
	config.TemplateData = data
	text, err := l.localizer.Localize(&config)
	if text == "" && err != nil {
		return id
	}
	return text
}

func whole(value any) (int64, bool) {
	switch n := value.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(n), true
	case uint16:
		return int64(n), true
	}
	return 0, false
}

// Count formats a number in groups of three digits.
func Count(n int64) string {
	text := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
