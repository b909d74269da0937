package worker_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDebugLogHasEachCallAndRetry(t *testing.T) {
	for level, logged := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		bubble(t, func(t *testing.T) {
			var lines bytes.Buffer
			b := newBench(t.Context(), t, refusing(1, outage, false), options{log: slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: level})})
			b.push(event("a", 1, 1))
			pause(time.Minute)
			b.finish()
			for _, pattern := range []string{
				`msg="call ended" call=push shop_id=1 item_id=\d+ models=1 answers=\[` + string(outage.Code) + `\] duration=`,
				`msg="push will be retried" store_sku=shopee/1/a attempts=1 code=` + string(outage.Code) + ` next=`,
				`msg="call ended" call=push shop_id=1 item_id=\d+ models=1 answers=\[confirmed\] duration=`,
			} {
				if logged {
					require.Regexp(t, pattern, lines.String())
				} else {
					require.NotRegexp(t, pattern, lines.String())
				}
			}
		})
	}
}
