package schemas

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATopicsSettingsAreCompared(t *testing.T) {
	const harmful, warning = true, false
	for _, c := range []struct {
		topic, setting, value string
		want                  string
		harmful               bool
	}{
		{"state", cleanupPolicy, "delete", "compact", harmful},
		{"state", cleanupPolicy, "compact,delete", "compact", harmful}, // states would be deleted, too
		{"state", minCompactionLag, "0", "3600000", warning},
		{"events", cleanupPolicy, "compact", "delete", harmful},
		{"commands", cleanupPolicy, "compact", "delete", harmful},
		{"records", cleanupPolicy, "compact,delete", "delete", harmful},
		{"dead-letters", cleanupPolicy, "compact", "delete", warning},
		{"events", retentionMs, "86399999", "604800000", harmful},
		{"events", retentionMs, "86400000", "604800000", warning},
		{"records", retentionMs, "1000", "604800000", harmful},
		{"dead-letters", retentionMs, "1000", "2592000000", harmful},
		{"commands", retentionMs, "345599999", "604800000", harmful},
		{"commands", retentionMs, "345600000", "604800000", warning},
		{"events", retentionBytes, "1000000", "-1", warning},
		{"events", timestampType, "CreateTime", "LogAppendTime", warning},
		{"dead-letters", maxMessageBytes, "1048588", "4194304", warning},
		{"records", maxMessageBytes, "65536", "1000000", warning},
		{"events", "partitions", "2", "3", harmful},
		{"events", "partitions", "4", "3", warning},
	} {
		spec := specOf(t, c.topic)
		is := TopicSettings{Partitions: 3, Configs: maps.Clone(spec.Configs)}
		is.Configs[c.setting] = c.value
		if c.setting == "partitions" {
			is.Partitions = int(number(c.value))
		}
		require.Equal(t, []TopicDifference{{spec.Name, c.setting, c.value, c.want, c.harmful}}, spec.Differences(is), "%s %s", c.topic, c.setting)
	}
}

func TestSettingsThatAreMoreThanEnoughAreFine(t *testing.T) {
	for _, c := range []struct{ topic, setting, value string }{
		{"events", retentionMs, "-1"},
		{"events", retentionMs, "31536000000"},
		{"events", retentionBytes, "-1"},
		{"state", minCompactionLag, "86400000"},
		{"state", retentionMs, "1000"},
		{"dead-letters", maxMessageBytes, "8388608"},
		{"records", timestampType, "LogAppendTime"},
		{"records", "min.insync.replicas", "2"},
	} {
		spec := specOf(t, c.topic)
		is := TopicSettings{Partitions: 3, Configs: maps.Clone(spec.Configs)}
		is.Configs[c.setting] = c.value
		require.Empty(t, spec.Differences(is), "%s %s", c.topic, c.setting)
	}
	require.Empty(t, specOf(t, "state").Differences(TopicSettings{Partitions: 3}), "what the broker does not tell is not compared")
}

func specOf(t *testing.T, topic string) TopicSpec {
	for _, spec := range Topics("p").Specs(3) {
		if strings.HasSuffix(spec.Name, "."+topic) {
			return spec
		}
	}
	require.FailNow(t, "no topic", topic)
	return TopicSpec{}
}
