package schemas

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Topics names the topics and groups of an installation; the value is the prefix.
type Topics string

// Events is the topic of stock events, which upstream writes.
func (t Topics) Events() string { return string(t) + ".events" }

// DeadLetters is the topic of bad events, as they were received.
func (t Topics) DeadLetters() string { return string(t) + ".dead-letters" }

// Commands is the topic from the processor to the channel workers.
func (t Topics) Commands() string { return string(t) + ".commands" }

// State is the compacted topic of the store SKUs' states.
func (t Topics) State() string { return string(t) + ".state" }

// Records is the topic of the events' records.
func (t Topics) Records() string { return string(t) + ".records" }

// ProcessorGroup is the processor's consumer group.
func (t Topics) ProcessorGroup() string { return string(t) + ".processor" }

// ChannelsGroup is the channel workers' consumer group.
func (t Topics) ChannelsGroup() string { return string(t) + ".channels" }

// SinkGroup is the sink's consumer group.
func (t Topics) SinkGroup() string { return string(t) + ".sink" }

// TopicSpec is how a topic is created.
type TopicSpec struct {
	Name       string
	Partitions int
	// Configs are Kafka's topic configurations.
	Configs map[string]string
	// MinRetention is the shortest retention that loses nothing; 0 if every one does.
	MinRetention time.Duration
	// Exact says that another cleanup.policy makes results wrong.
	Exact bool
}

// MaxDeadLetterBytes is the largest message of the dead-letters topic.
const MaxDeadLetterBytes = 4 << 20

// StateCompactionLag is how long Kafka keeps a state after a later one of its store SKU was
// written. The later one may be older: a worker that lost its partition may write late.
const StateCompactionLag = time.Hour

// The shortest retentions. A push may wait for up to 72 hours, and its command must be kept
// until it ends.
const (
	minRetention         = 24 * time.Hour
	minCommandsRetention = 4 * 24 * time.Hour
)

// The names of Kafka's topic configurations.
const (
	cleanupPolicy    = "cleanup.policy"
	retentionMs      = "retention.ms"
	retentionBytes   = "retention.bytes"
	timestampType    = "message.timestamp.type"
	maxMessageBytes  = "max.message.bytes"
	minCompactionLag = "min.compaction.lag.ms"
)

// Specs returns how all topics are created.
func (t Topics) Specs(partitions int) []TopicSpec {
	keep := func(days int) map[string]string {
		return map[string]string{cleanupPolicy: "delete", retentionMs: strconv.Itoa(days * 24 * 3600 * 1000)}
	}
	with := func(m map[string]string, name, value string) map[string]string { m[name] = value; return m }
	return []TopicSpec{
		{t.Events(), partitions, with(keep(7), timestampType, "LogAppendTime"), minRetention, true},
		{t.DeadLetters(), partitions, with(keep(30), maxMessageBytes, strconv.Itoa(MaxDeadLetterBytes)), minRetention, false},
		{t.Commands(), partitions, keep(7), minCommandsRetention, true},
		{t.State(), partitions, map[string]string{cleanupPolicy: "compact", minCompactionLag: strconv.FormatInt(StateCompactionLag.Milliseconds(), 10)}, 0, true},
		{t.Records(), partitions, keep(7), minRetention, true},
	}
}

// PartitionFor returns the partition of a key, as Java's client chooses it.
func PartitionFor(key []byte, partitions int) int32 {
	return int32((murmur2(key) & 0x7fffffff) % uint32(partitions))
}

// murmur2 is the hash of Kafka's default partitioner: MurmurHash2 with its
// seed, in 32 bits.
func murmur2(data []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> r
		h = h*m ^ k*m
	}
	for i := len(data) - 1; i >= 0; i-- {
		h ^= uint32(data[i]) << (8 * i)
		if i == 0 {
			h *= m
		}
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

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
