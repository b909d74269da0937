package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"stockpush/cmd/internal/config"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// ErrHarmfulSettings reports a topic whose settings would lose data or make results wrong.
var ErrHarmfulSettings = errors.New("the settings of a topic would lose data or make results wrong " +
	"(change the topic, for example with kafka-configs.sh, or kafka.partitions)")

// CheckTopics returns an error if a topic is missing or, as ErrHarmfulSettings, would lose data. It
// logs other differences.
func CheckTopics(ctx context.Context, conn kafka.Connection, c config.Kafka, log *slog.Logger) error {
	missing, differences, err := compareTopics(ctx, conn, c, log)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: %w", missing[0].Name, kafka.ErrNoTopic)
	}
	return judge(differences, log)
}

// compareTopics compares all topics with the expected ones.
func compareTopics(ctx context.Context, conn kafka.Connection, c config.Kafka, log *slog.Logger) (missing []schemas.TopicSpec, all []schemas.TopicDifference, err error) {
	specs := schemas.Topics(c.TopicPrefix).Specs(c.Partitions)
	names := make([]string, len(specs))
	for i, spec := range specs {
		names[i] = spec.Name
	}
	settings, err := kafka.DescribeSettings(ctx, conn, names...)
	if errors.Is(err, kafka.ErrSettingsHidden) {
		log.Warn("topic settings not compared", "error", err)
	} else if err != nil {
		return nil, nil, err
	}
	for _, spec := range specs {
		if is, ok := settings[spec.Name]; ok {
			all = append(all, spec.Differences(is)...)
			continue
		}
		missing = append(missing, spec)
	}
	return missing, all, nil
}

func judge(all []schemas.TopicDifference, log *slog.Logger) error {
	var harmful []string
	for _, d := range all {
		if d.Harmful {
			harmful = append(harmful, d.String())
			continue
		}
		log.Warn("topic setting differs", "topic", d.Topic, "setting", d.Setting, "is", d.Is, "want", d.Want)
	}
	if len(harmful) > 0 {
		return fmt.Errorf("%s: %w", strings.Join(harmful, "; "), ErrHarmfulSettings)
	}
	return nil
}
