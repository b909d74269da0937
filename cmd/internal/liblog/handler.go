package liblog

import (
	"context"
	"io"
	"log/slog"
	"slices"
)

// Levels are the minimum levels of the program's log and of the Kafka client's messages. They may
// change at any time. The zero value logs what is at least information.
type Levels struct{ own, kafka slog.LevelVar }

// Set changes the levels: debug, info, warn or error. It ignores any other.
func (l *Levels) Set(own, kafka string) {
	_ = l.own.UnmarshalText([]byte(own)) // the configuration allows no other
	_ = l.kafka.UnmarshalText([]byte(kafka))
}

// NewHandler returns the handler of the program's log, which writes durations as text. format is
// text or json.
func NewHandler(w io.Writer, format string, levels *Levels) slog.Handler {
	everything := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: readable}
	if format == "json" {
		return leveled{slog.NewJSONHandler(w, everything), &levels.own, levels}
	}
	return leveled{slog.NewTextHandler(w, everything), &levels.own, levels}
}

// readable writes a duration as 1.5s. In JSON it would be a number of nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// kafkaComponent marks the messages of the Kafka client.
var kafkaComponent = slog.String("component", "kafka")

// leveled passes messages of its level on.
type leveled struct {
	slog.Handler
	level slog.Leveler
	all   *Levels
}

// Enabled says whether a message of a level is logged.
func (h leveled) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs has the Kafka client's level from the attribute component=kafka on.
func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	level := h.level
	if slices.ContainsFunc(attrs, kafkaComponent.Equal) {
		level = &h.all.kafka
	}
	return leveled{h.Handler.WithAttrs(attrs), level, h.all}
}

// WithGroup keeps the level.
func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.level, h.all}
}
