package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/schemas"
)

// ErrSettingsHidden says that the broker does not let the user read topic configurations.
var ErrSettingsHidden = errors.New("the topics' settings cannot be read (grant DESCRIBE_CONFIGS on them)")

// DescribeSettings reads how topics are; those that do not exist are absent. With
// ErrSettingsHidden only their partitions are known.
func DescribeSettings(ctx context.Context, c Connection, topics ...string) (map[string]schemas.TopicSettings, error) {
	settings := map[string]schemas.TopicSettings{}
	err := withAdmin(c, func(admin *kadm.Client) error {
		details, err := admin.ListTopics(ctx, topics...)
		if err != nil {
			return fmt.Errorf("describe the topics: %w", err)
		}
		var found []string
		for name, detail := range details {
			switch {
			case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
				continue
			case detail.Err != nil:
				return fmt.Errorf("describe topic %s: %w", name, detail.Err)
			}
			settings[name] = schemas.TopicSettings{Partitions: len(detail.Partitions), Configs: map[string]string{}}
			found = append(found, name)
		}
		return readConfigs(ctx, admin, settings, found)
	})
	return settings, err
}

func readConfigs(ctx context.Context, admin *kadm.Client, into map[string]schemas.TopicSettings, topics []string) error {
	if len(topics) == 0 {
		return nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return fmt.Errorf("read the topics' settings: %w", err)
	}
	for _, topic := range configs {
		switch {
		case errors.Is(topic.Err, kerr.TopicAuthorizationFailed), errors.Is(topic.Err, kerr.ClusterAuthorizationFailed):
			err = ErrSettingsHidden
			continue
		case topic.Err != nil:
			return fmt.Errorf("read the settings of topic %s: %w", topic.Name, topic.Err)
		}
		for _, c := range topic.Configs {
			into[topic.Name].Configs[c.Key] = c.MaybeValue()
		}
	}
	return err
}
