package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// alter sets a topic's setting; an empty value removes it.
func (s *surroundings) alter(topic, setting, value string) {
	s.TB.Helper()
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(s.TB, err)
	defer client.Close()
	op := kadm.AlterConfig{Op: kadm.SetConfig, Name: setting, Value: &value}
	if value == "" {
		op = kadm.AlterConfig{Op: kadm.DeleteConfig, Name: setting}
	}
	answers, err := kadm.NewClient(client).AlterTopicConfigs(s.TB.Context(), []kadm.AlterConfig{op}, topic)
	require.NoError(s.TB, err)
	require.NoError(s.TB, answers[0].Err)
}

func (s *surroundings) wantedConfig(topic, setting string) string {
	for _, spec := range s.Topics.Specs(3) {
		if spec.Name == topic {
			return spec.Configs[setting]
		}
	}
	return ""
}

// Settings that lose data fail setup, check and run; other differences fail only setup --check.
func TestTopicSettingsAreCompared(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	for _, c := range []struct {
		topic, setting, value string
		harmful               bool
	}{
		{"state", "cleanup.policy", "delete", true},
		{"events", "cleanup.policy", "compact", true},
		{"commands", "cleanup.policy", "compact", true},
		{"records", "cleanup.policy", "compact", true},
		{"records", "retention.ms", "1000", true},
		{"events", "retention.ms", "3600000", true},
		{"dead-letters", "retention.ms", "3600000", true},
		{"commands", "retention.ms", "259200000", true},
		{"commands", "retention.ms", "432000000", false},
		{"events", "message.timestamp.type", "CreateTime", false},
		{"dead-letters", "max.message.bytes", "100000", false},
		{"dead-letters", "cleanup.policy", "compact", false},
		{"state", "min.compaction.lag.ms", "0", false},
	} {
		topic := s.Topics.Events()[:strings.LastIndex(s.Topics.Events(), ".")+1] + c.topic
		s.alter(topic, c.setting, c.value)
		s.requireDifference(c.harmful, "topic "+topic+": "+c.setting+" is "+c.value+",", c.setting)
		s.alter(topic, c.setting, s.wantedConfig(topic, c.setting))
	}
	s.requireDifference(true, "topic stockpush.events: partitions is 3, not 4", "partitions", "--kafka.partitions=4")
	s.requireDifference(false, "topic stockpush.events: partitions is 3, not 2", "partitions", "--kafka.partitions=2")
	code, out, errs := s.stockpush("setup", "--check")
	require.Equal(t, 0, code, out+errs)
}

func (s *surroundings) requireDifference(harmful bool, text, setting string, flags ...string) {
	s.TB.Helper()
	code, out, errs := s.stockpush(append([]string{"setup", "--check"}, flags...)...)
	require.Equal(s.TB, exitFailed, code, text+errs)
	require.Contains(s.TB, out, "missing or different: "+text)
	for _, command := range []string{"setup", "check", "run"} {
		if !harmful && command == "run" {
			continue // it would serve
		}
		code, out, errs = s.stockpush(append([]string{command}, flags...)...)
		if harmful {
			require.Equal(s.TB, exitFailed, code, text+out+errs)
			require.Contains(s.TB, out+errs, text, command)
			continue
		}
		require.Equal(s.TB, exitDone, code, text+out+errs)
		require.Contains(s.TB, errs, "topic setting differs", command)
		require.Contains(s.TB, errs, setting, command)
	}
}

func TestMissingTopicIsReported(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(t.Context(), s.Topics.Commands())
	require.NoError(t, err)
	for _, command := range []string{"check", "run"} {
		code, out, errs := s.stockpush(command)
		require.Equal(t, exitFailed, code, command)
		require.Contains(t, out+errs, "stockpush.commands: the topic does not exist", command)
	}
	s.setUp()
	code, out, _ := s.stockpush("check")
	require.Equal(t, exitDone, code, out)
}

func TestMissingViewIsReportedByCheckAndRun(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	require.NoError(t, s.system().store.Conn().Exec(t.Context(), "DROP VIEW stockpush.failed_push_records"))
	code, out, _ := s.stockpush("setup", "--check")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "missing or different: clickhouse view failed_push_records\n1 view missing or different (`stockpush setup` makes what is missing)\n", out)
	code, out, _ = s.stockpush("check")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "view failed_push_records")
	p := s.Serve()
	p.EventuallyLogged("view failed_push_records")
	p.Terminate()
	code, out, _ = s.stockpush("setup")
	require.Equal(t, exitDone, code)
	require.Equal(t, "made: clickhouse view failed_push_records\n1 view made; everything is set up\n", out)
	code, out, _ = s.stockpush("check")
	require.Equal(t, exitDone, code, out)
}
