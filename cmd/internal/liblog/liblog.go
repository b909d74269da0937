// Package liblog writes what libraries log through the standard library's logger to the program's
// own log, without secrets.
//
// net/http quotes what a peer sent: an answer that repeats our request contains an access token. So
// quoted texts, queries and credentials in such messages are replaced.
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

// Redact replaces what may be a secret in a library's message: quoted texts, URL queries,
// credentials, and values whose names contain "token" or the like.
func Redact(message string) string {
	for _, s := range secrets {
		message = s.pattern.ReplaceAllString(message, s.replacement)
	}
	return message
}

// New returns a logger for libraries that need a *log.Logger.
func New(to *slog.Logger) *log.Logger { return log.New(writer{to}, "", 0) }

// Capture redirects the standard library's default loggers of log and slog to a log, for the whole
// process.
func Capture(to *slog.Logger) {
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(writer{to})
}

// writer receives one message per Write, as package log writes them.
type writer struct{ to *slog.Logger }

func (w writer) Write(message []byte) (int, error) {
	w.to.Warn("library message", "message", Redact(strings.TrimRight(string(message), "\n")))
	return len(message), nil
}
