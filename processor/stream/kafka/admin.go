package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/schemas"
)

// TopicInfo describes a topic as it is.
type TopicInfo struct {
	// ID changes when a topic is deleted and recreated.
	ID         [16]byte
	Partitions int
}

// ErrNoTopic says that a topic does not exist.
var ErrNoTopic = errors.New("the topic does not exist (run `stockpush setup`)")

// Describe reads a topic's description; ErrNoTopic if it does not exist.
func Describe(ctx context.Context, c Connection, topic string) (TopicInfo, error) {
	var info TopicInfo
	err := withAdmin(c, func(admin *kadm.Client) error {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return fmt.Errorf("describe topic %s: %w", topic, err)
		}
		detail := topics[topic]
		if errors.Is(detail.Err, kerr.UnknownTopicOrPartition) || len(detail.Partitions) == 0 && detail.Err == nil {
			return fmt.Errorf("%s: %w", topic, ErrNoTopic)
		}
		info = TopicInfo{ID: detail.ID, Partitions: len(detail.Partitions)}
		return detail.Err
	})
	return info, err
}

// CreateTopics creates topics and waits until they can be used. It does not change existing ones.
func CreateTopics(ctx context.Context, c Connection, specs []schemas.TopicSpec, replication int) error {
	return withAdmin(c, func(admin *kadm.Client) error {
		for _, spec := range specs {
			configs := make(map[string]*string, len(spec.Configs))
			for name, value := range spec.Configs {
				configs[name] = &value
			}
			_, err := admin.CreateTopic(ctx, int32(spec.Partitions), int16(replication), configs, spec.Name)
			if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
				return fmt.Errorf("create topic %s: %w", spec.Name, err)
			}
		}
		return awaitTopics(ctx, admin, specs)
	})
}

const (
	topicsTimeout = 30 * time.Second
	topicsRetry   = 50 * time.Millisecond
)

// awaitTopics waits until every partition has a leader. A broker confirms a topic before it can
// be read.
func awaitTopics(ctx context.Context, admin *kadm.Client, specs []schemas.TopicSpec) error {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, errors.New("the new topics got no leaders"))
	defer cancel()
	for _, spec := range specs {
		for !usable(ctx, admin, spec.Name) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("create topic %s: %w", spec.Name, context.Cause(ctx))
			case <-time.After(topicsRetry):
			}
		}
	}
	return nil
}

func usable(ctx context.Context, admin *kadm.Client, topic string) bool {
	topics, err := admin.ListTopics(ctx, topic)
	if err != nil || topics[topic].Err != nil {
		return false
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	return err == nil && ends.Error() == nil && len(topics[topic].Partitions) > 0 && len(ends[topic]) == len(topics[topic].Partitions)
}

// ForgetOffsets deletes a group's offsets of a topic, so that it reads the topic from the start.
// No member of the group may be running.
func ForgetOffsets(ctx context.Context, c Connection, group, topic string) error {
	return withAdmin(c, func(admin *kadm.Client) error {
		committed, err := committedOf(ctx, admin, group)
		if err != nil || committed[topic] == nil {
			return err
		}
		partitions := kadm.TopicsSet{}
		for partition := range committed[topic] {
			partitions.Add(topic, partition)
		}
		answers, err := admin.DeleteOffsets(ctx, group, partitions)
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			return fmt.Errorf("forget the offsets of group %s in %s: %w (is a member still running? a static one stays for kafka.session_timeout after its end)", group, topic, err)
		}
		return nil
	})
}

// Committed returns a group's offsets of a topic. Partitions without one are absent.
func Committed(ctx context.Context, c Connection, group, topic string) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	err := withAdmin(c, func(admin *kadm.Client) error {
		committed, err := committedOf(ctx, admin, group)
		for partition, at := range committed[topic] {
			offsets[partition] = at.At
		}
		return err
	})
	return offsets, err
}

// committedOf reads a group's offsets. A group that does not exist has none.
func committedOf(ctx context.Context, admin *kadm.Client, group string) (kadm.OffsetResponses, error) {
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("committed offsets of group %s: %w", group, err)
	}
	return committed, nil
}

func withAdmin(c Connection, do func(*kadm.Client) error) error {
	return withClient(c, func(client *kgo.Client) error { return do(kadm.NewClient(client)) })
}

func withClient(c Connection, do func(*kgo.Client) error) error {
	client, err := kgo.NewClient(c.Options()...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	return do(client)
}

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

// StartOffsets returns for each partition the offset of the oldest message that is still there.
func StartOffsets(ctx context.Context, c Connection, topic string) (map[int32]int64, error) {
	return listOffsets(ctx, c, topic, (*kadm.Client).ListStartOffsets)
}

// EndOffsets returns the offset that the next message of each partition will get. Messages of
// open transactions are below it, too.
func EndOffsets(ctx context.Context, c Connection, topic string) (map[int32]int64, error) {
	return listOffsets(ctx, c, topic, (*kadm.Client).ListEndOffsets)
}

// OffsetsAfter returns for each partition the offset of the first message of a time or later, or the
// partition's end if there is none.
func OffsetsAfter(ctx context.Context, c Connection, topic string, at time.Time) (map[int32]int64, error) {
	return listOffsets(ctx, c, topic, func(admin *kadm.Client, ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...)
	})
}

// listing is a method of the admin client that lists offsets.
type listing func(admin *kadm.Client, ctx context.Context, topics ...string) (kadm.ListedOffsets, error)

func listOffsets(ctx context.Context, c Connection, topic string, list listing) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	err := withAdmin(c, func(admin *kadm.Client) error {
		listed, err := list(admin, ctx, topic)
		if err == nil {
			err = listed.Error()
		}
		listed.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = o.Offset })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("offsets of %s: %w", topic, err)
	}
	return offsets, nil
}
