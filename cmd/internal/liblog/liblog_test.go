package liblog

import (
	"bytes"
	"errors"
	"log"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretsInLibraryMessagesAreRedacted(t *testing.T) {
	for message, want := range map[string]string{
		`Unsolicited response received on idle HTTP channel starting with "access_token=tok3n\"\n"; err=<nil>`: `Unsolicited response received on idle HTTP channel starting with "[redacted]"; err=<nil>`,
		`malformed HTTP response "GET /?sign=tok3n`:                                                            `malformed HTTP response "[redacted]"`,
		`http: proxy error: Get /api/v2/x?sign=s&access_token=tok3n: EOF`:                                      `http: proxy error: Get /api/v2/x?[redacted] EOF`,
		`http: panic serving 127.0.0.1:1: Authorization: Bearer tok3n`:                                         `http: panic serving 127.0.0.1:1: Authorization: Bearer [redacted]`,
		"http: panic serving 127.0.0.1:1: refresh_token=tok3n\ngoroutine 1 [running]:":                         "http: panic serving 127.0.0.1:1: refresh_token=[redacted]\ngoroutine 1 [running]:",
		"http: Accept error: too many open files; retrying in 5ms":                                             "http: Accept error: too many open files; retrying in 5ms",
	} {
		require.Equal(t, want, Redact(message))
	}
}

func TestStandardLoggerIsCaptured(t *testing.T) {
	before, flags := log.Writer(), log.Flags()
	defer func() { log.SetOutput(before); log.SetFlags(flags) }()
	var said bytes.Buffer
	Capture(slog.New(slog.NewTextHandler(&said, nil)))
	log.Printf("http: starting with %q; err=%v", "tok3n", errors.New("boom"))
	require.Contains(t, said.String(), `level=WARN msg="library message" message="http: starting with`)
	require.Contains(t, said.String(), "boom")
	New(slog.New(slog.NewTextHandler(&said, nil))).Printf("asked for /x?sign=tok3n")
	require.Contains(t, said.String(), "asked for /x?[redacted]")
	require.NotContains(t, said.String(), "tok3n")
}
