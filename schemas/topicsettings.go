package schemas

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TopicSettings are a topic's actual settings.
type TopicSettings struct {
	Partitions int
	// Configs are Kafka's topic configurations, as far as the broker shows them.
	Configs map[string]string
}

// TopicDifference is a setting of a topic that differs from its spec.
type TopicDifference struct {
	Topic, Setting string
	// Is is the actual value, Want the spec's.
	Is, Want string
	// Harmful says that data would be lost, or results would be wrong.
	Harmful bool
}

// String names the topic, the setting and both values.
func (d TopicDifference) String() string {
	return fmt.Sprintf("topic %s: %s is %s, not %s", d.Topic, d.Setting, d.Is, d.Want)
}

// minMessageBytes is the largest batch that our producers send to any topic.
const minMessageBytes = 1_000_000

// Differences lists the settings in which a topic falls short of the spec. More than the spec
// asks for, such as a longer retention, is no difference, except for partitions.
func (s TopicSpec) Differences(is TopicSettings) []TopicDifference {
	c := settingsComparison{spec: s, is: is}
	if is.Partitions != s.Partitions {
		c.add("partitions", strconv.Itoa(is.Partitions), strconv.Itoa(s.Partitions), is.Partitions < s.Partitions)
	}
	c.policy()
	c.retention()
	if have, want := is.Configs[timestampType], s.Configs[timestampType]; have != "" && want != "" && have != want {
		c.add(timestampType, have, want, false)
	}
	c.atLeast(maxMessageBytes, max(minMessageBytes, number(s.Configs[maxMessageBytes])))
	c.atLeast(minCompactionLag, number(s.Configs[minCompactionLag]))
	return c.all
}

type settingsComparison struct {
	spec TopicSpec
	is   TopicSettings
	all  []TopicDifference
}

func (c *settingsComparison) add(setting, is, want string, harmful bool) {
	c.all = append(c.all, TopicDifference{c.spec.Name, setting, is, want, harmful})
}

func (c *settingsComparison) policy() {
	have, want := c.is.Configs[cleanupPolicy], c.spec.Configs[cleanupPolicy]
	if have == "" || have == want {
		return
	}
	c.add(cleanupPolicy, have, want, c.spec.Exact && (want == "compact" || strings.Contains(have, "compact")))
}

// retention compares how long and how much is kept. It ignores a topic that is only compacted.
func (c *settingsComparison) retention() {
	want := c.spec.Configs[retentionMs]
	if want == "" {
		return
	}
	if have := c.is.Configs[retentionMs]; have != "" && number(have) >= 0 && number(have) < number(want) {
		c.add(retentionMs, have, want, time.Duration(number(have))*time.Millisecond < c.spec.MinRetention)
	}
	if have := c.is.Configs[retentionBytes]; have != "" && number(have) >= 0 {
		c.add(retentionBytes, have, "-1", false)
	}
}

// atLeast compares a number that may be larger.
func (c *settingsComparison) atLeast(setting string, want int64) {
	if have := c.is.Configs[setting]; have != "" && number(have) < want {
		c.add(setting, have, strconv.FormatInt(want, 10), false)
	}
}

// number parses a configuration's number; an absent one is 0.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
