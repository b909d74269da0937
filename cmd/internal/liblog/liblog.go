// Package liblog brings what libraries log through the standard library's logger
// into the program's own log, without secrets.
//
// net/http quotes what a peer sent: an answer that repeats our request holds an
// access token. Such messages are kept, with all quoted texts, queries and
// credentials replaced.
package liblog

import (
	"log"
	"log/slog"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

var secrets = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*("|$)`), `"` + redacted + `"`},
	{regexp.MustCompile(`\?[^\s"]+`), "?" + redacted},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"]+`), "$1 " + redacted},
	{regexp.MustCompile(`(?i)\b([a-z_-]*(?:token|password|secret|sign|key|code))(\s*[:=]\s*)[^\s"\[]+`), "$1$2" + redacted},
}

// Redact replaces what may be a secret in a library's message: quoted texts, the
// queries of URLs, credentials, and the values of names that say token or the like.
func Redact(message string) string {
	for _, s := range secrets {
		message = s.pattern.ReplaceAllString(message, s.replacement)
	}
	return message
}

// New is a logger for libraries that take one of the standard library's.
func New(to *slog.Logger) *log.Logger { return log.New(writer{to}, "", 0) }

// Capture makes a log the destination of the standard library's own logger, and
// so of slog's default one, for the whole process.
func Capture(to *slog.Logger) {
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(writer{to})
}

// writer takes one message with each Write, as package log writes them.
type writer struct{ to *slog.Logger }

func (w writer) Write(message []byte) (int, error) {
	w.to.Warn("a library reports", "message", Redact(strings.TrimRight(string(message), "\n")))
	return len(message), nil
}
