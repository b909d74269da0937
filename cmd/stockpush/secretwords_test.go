package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// secrets are random words by what they are, which can be recognised anywhere.
type secrets map[string]string

// word creates a secret.
func (s secrets) word(what string) string {
	s[what] = strings.ToLower(rand.Text())
	return s[what]
}

// pieceBytes is how long a revealed part of a secret may not be.
const pieceBytes = 12

// pieces returns what reveals a secret: any part of it in plain text, all of it in base64 (at any
// alignment) or in hexadecimal.
func pieces(word string) (plain, encoded []string) {
	if strings.Contains(word, "-") { // parts of the sandbox's tokens occur in other words
		return []string{word}, nil
	}
	for at := 0; at+pieceBytes <= len(word); at++ {
		plain = append(plain, word[at:at+pieceBytes])
	}
	plain = append(plain, hex.EncodeToString([]byte(word)))
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", before) + word))
		encoded = append(encoded, text[4:len(text)-4]) // the ends depend on the adjacent bytes
	}
	return plain, encoded
}

// in lists the secrets that a text reveals.
func (s secrets) in(said []byte) (leaks []string) {
	lower := bytes.ToLower(said)
	has := func(text []byte, any []string) bool {
		return slices.ContainsFunc(any, func(p string) bool { return bytes.Contains(text, []byte(p)) })
	}
	for what, word := range s {
		if plain, encoded := pieces(word); has(lower, plain) || has(said, encoded) {
			leaks = append(leaks, what)
		}
	}
	slices.Sort(leaks)
	return leaks
}

// heard is all output of the program, by place.
type heard struct {
	mu   sync.Mutex
	said map[string][]byte
}

func (h *heard) note(where string, said ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.said == nil {
		h.said = map[string][]byte{}
	}
	for _, text := range said {
		h.said[where] = append(append(h.said[where], text...), '\n')
	}
}

// leaks lists the revealed secrets.
func (h *heard) leaks(s secrets) (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, where := range slices.Sorted(maps.Keys(h.said)) {
		for _, what := range s.in(h.said[where]) {
			all = append(all, fmt.Sprintf("%s says %s", where, what))
		}
	}
	return all
}

// requireSaid guards against empty searches: each place must have produced a text.
func (h *heard) requireSaid(t *testing.T, where, text string) {
	t.Helper()
	require.Contains(t, string(h.said[where]), text, where)
}

func TestLeaksAreFoundInEveryEncoding(t *testing.T) {
	s := secrets{}
	word := s.word("a password")
	s["a token"] = "access-10001-sandbox-3"
	for form, text := range map[string]string{
		"as it is": word, "the first half of it": word[:pieceBytes], "the second half of it": word[len(word)-pieceBytes:], "in capitals": strings.ToUpper(word),
		"in a URL":    "http://127.0.0.1/?sign=1&token=" + url.QueryEscape(word),
		"in HTML":     "<a title='" + html.EscapeString(word) + "'>",
		"as a header": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+word)), "in base64": base64.URLEncoding.EncodeToString([]byte(word + "@host")),
		"in hexadecimal": fmt.Sprintf("%X", word), "in Go's quotes": fmt.Sprintf("%q", word), "as bytes in JSON": `{"p":"` + base64.StdEncoding.EncodeToString([]byte("ab"+word+"c")) + `"}`,
	} {
		t.Run(form, func(t *testing.T) {
			h := &heard{}
			h.note("the log", "level=INFO msg=started", "config="+text)
			require.Equal(t, []string{"the log says a password"}, h.leaks(s))
		})
	}
	h := &heard{}
	h.note("the log", "access-10001-sandbox-", word[:pieceBytes-1], "access-10001-sandbox-4")
	require.Empty(t, h.leaks(s))
	h.note("a page", "access-10001-sandbox-3")
	require.Equal(t, []string{"a page says a token"}, h.leaks(s))
}
