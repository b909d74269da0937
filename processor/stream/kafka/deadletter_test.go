package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

const topics = schemas.Topics("t")

// narrow is a producer that accepts keys and values of so many bytes; below 0 it accepts none.
type narrow struct {
	takes int
	taken chan *kafka.Record
}

func (n narrow) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	if len(r.Key)+len(r.Value) > n.takes {
		done(fmt.Errorf("produce: %w", kerr.MessageTooLarge))
		return
	}
	n.taken <- r
	done(nil)
}

// sendDeadLetter sends a dead letter of given lengths to a narrow producer.
func sendDeadLetter(t *testing.T, takes, key, value int) (stored *kafka.Record, headers map[string]string, registry *prometheus.Registry, log string) {
	var logged bytes.Buffer
	registry = prometheus.NewRegistry()
	n := narrow{takes, make(chan *kafka.Record, 1)}
	letters := kafka.NewDeadLetters(n, topics, slog.New(slog.NewTextHandler(&logged, nil)), registry)
	done := make(chan error, 1)
	letters.Produce(t.Context(), kafka.DeadLetterMessage(topics, &schemas.DeadLetter{
		BadEvent: schemas.BadEvent{Code: schemas.CodeNotJSON}, SourceTopic: topics.Events(), SourcePartition: 3, SourceOffset: 77,
		Key: bytes.Repeat([]byte("k"), key), Value: bytes.Repeat([]byte("v"), value),
	}), func(err error) { done <- err })
	require.NoError(t, <-done)
	headers = map[string]string{}
	if len(n.taken) > 0 {
		stored = <-n.taken
		for _, h := range stored.Headers {
			require.NotContains(t, headers, h.Key)
			headers[h.Key] = string(h.Value)
		}
	}
	return stored, headers, registry, logged.String()
}

func TestDeadLetterIsCutUntilItFits(t *testing.T) {
	const whole = schemas.MaxDeadLetterBytes
	for name, c := range map[string]struct{ takes, key, value, wantKey, wantValue int }{
		"it fits":                                {whole, 100, 1 << 20, 100, 1 << 20},
		"a key of five megabytes":                {whole, 5_000_000, 10, 64 << 10, 10},
		"key and value":                          {whole, 5_000_000, 5_000_000, 64 << 10, 64 << 10},
		"a topic that takes a hundred kilobytes": {100_000, 10, 1 << 20, 10, 64 << 10},
		"a topic that takes a kilobyte":          {1000, 10, 2000, 10, 0},
		"a topic that takes hardly any":          {10, 1000, 2000, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			stored, headers, registry, _ := sendDeadLetter(t, c.takes, c.key, c.value)
			require.NotNil(t, stored)
			require.Equal(t, []int{c.wantKey, c.wantValue}, []int{len(stored.Key), len(stored.Value)})
			require.Equal(t, c.wantKey < c.key, headers["error-key-truncated"] == "true")
			require.Equal(t, c.wantValue < c.value, headers["error-truncated"] == "true")
			require.Equal(t, "77", headers["source-offset"])
			require.EqualValues(t, 3, stored.Partition)
			require.Zero(t, streamtest.Skipped(t, registry, topics.Events()))
		})
	}
}

// A dead letter that Kafka refuses in every form is logged with its position.
func TestRefusedDeadLetterIsSkipped(t *testing.T) {
	stored, _, registry, log := sendDeadLetter(t, -1, 1000, 1000)
	require.Nil(t, stored)
	require.Contains(t, log, "topic=t.events partition=3 offset=77 code=not_json")
	require.Equal(t, 1, streamtest.Skipped(t, registry, topics.Events()))
}
