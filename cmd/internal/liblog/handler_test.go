package liblog_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/liblog"
)

func TestKafkaClientHasALevelOfItsOwn(t *testing.T) {
	var out bytes.Buffer
	var levels liblog.Levels
	own := slog.New(liblog.NewHandler(&out, "text", &levels))
	kafka := own.With("component", "kafka").WithGroup("g")
	said := func(log *slog.Logger, level slog.Level) bool {
		out.Reset()
		log.Log(t.Context(), level, "m")
		return out.Len() > 0
	}
	levels.Set("debug", "warn")
	require.True(t, said(own.With("shop_id", 1), slog.LevelDebug))
	require.False(t, said(kafka, slog.LevelInfo))
	require.True(t, said(kafka, slog.LevelWarn))
	levels.Set("error", "debug")
	require.False(t, said(own, slog.LevelWarn))
	require.True(t, said(kafka, slog.LevelDebug))
	levels.Set("info", "info")
	require.True(t, said(own, slog.LevelInfo))
	require.False(t, said(kafka, slog.LevelDebug))
}

func TestDurationsAreText(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		slog.New(liblog.NewHandler(&out, format, new(liblog.Levels))).Info("m", "after", 1500*time.Millisecond, slog.Group("g", "of", time.Minute))
		require.Contains(t, out.String(), "1.5s")
		require.Contains(t, out.String(), "1m0s")
		if format == "json" {
			require.True(t, json.Valid(out.Bytes()))
		}
	}
}
