package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// Every stage gets poison messages among good ones. Each is dead-lettered once with its cause, and
// the good ones are processed, also after a restart.
func TestE2EPoisonIsIsolated(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(c *config.Config) { c.Sinks.BatchInterval = 500 * time.Millisecond })
	database := "`" + s.cfg.ClickHouse.Database + "`"
	for _, refusal := range []string{
		database + ".push_records ADD CONSTRAINT no_poison CHECK merchant_sku != 'M-refused-row'",
		database + ".rejected_event_rows ADD CONSTRAINT no_poison CHECK NOT startsWith(value, 'refused letter')",
	} {
		require.NoError(t, s.store.Conn().Exec(t.Context(), "ALTER TABLE "+refusal))
	}
	s.produceTo(s.topics.Commands(), "shopee/10001/bad-command", "\x01\xff\xff")
	s.produceTo(s.topics.Records(), "shopee/10001/bad-record", "nonsense")
	s.produceTo(s.topics.State(), "shopee/10001/bad-state", "nonsense")
	s.sendRaw([]byte("k"), []byte("refused letter"))
	s.produceTo(s.topics.DeadLetters(), "k", "not a dead letter")
	const each = 30
	for n := range each {
		e := event(10001+int64(n%3), fmt.Sprintf("sku-%d", n), n)
		e.ModelID = int64(n + 1)
		s.send(e)
		if n == each/2 {
			s.send(event(10009, "refused-row", 11), s.outOfTime(1))
			s.stop()
			s.start()
		}
	}
	eventually(s, uint64(each+1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	require.Equal(t, int64(11), s.shown(10009, 7), "the push of a record that the store refuses")
	causes := "refused_by_store stockpush.records, unknown stockpush.dead-letters, unreadable_message stockpush.commands, " +
		"unreadable_message stockpush.records, unreadable_message stockpush.state"
	eventually(s, causes, "SELECT arrayStringConcat(arraySort(arrayDistinct(groupArray(concat(error_code, ' ', replace(source_topic, '"+
		s.cfg.Kafka.TopicPrefix+"', 'stockpush'))))), ', ') FROM {db}.rejected_events")
	eventually(s, "2 refused_by_store", "SELECT concat(toString(count()), ' ', any(error_code)) FROM {db}.rejected_events WHERE key = 'shopee/10009/refused-row'")
	require.Equal(t, uint64(1), one[uint64](s, "SELECT count() FROM {db}.rejected_events WHERE error_code = 'unreadable_message' AND key = 'shopee/10001/bad-state'"))
}

// outOfTime returns an event whose time exceeds DateTime64.
func (s *system) outOfTime(n int) schemas.Event {
	e := event(10002, "out-of-time", n)
	e.OccurredAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return e
}

func (s *system) produceTo(topic, key, value string) {
	s.producer.Produce(s.t.Context(), &kafka.Record{Topic: topic, Partition: 1, Key: []byte(key), Value: []byte(value)}, func(err error) { require.NoError(s.t, err) })
	require.NoError(s.t, s.producer.Flush(s.t.Context()))
}

func (s *system) shown(shop, model int64) int64 {
	for _, stock := range s.sandbox.Stock(shop) {
		if stock.ModelID == model {
			return stock.Stock
		}
	}
	return -1
}
