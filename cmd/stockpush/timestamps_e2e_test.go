package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas/stockevent"
)

// In a CreateTime topic a timestamp is whatever the producer says.
func TestE2EEveryTimestampOfAProducerIsRecorded(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	s.createTime(s.topics.Events(), s.topics.DeadLetters())
	began := time.Now()
	wrong := map[string]time.Time{
		"seconds": time.UnixMilli(began.Unix()), "microseconds": time.UnixMilli(began.UnixMicro()), "minus-one": time.UnixMilli(-1),
		"a-month": began.AddDate(0, 0, -31), "year-2180": time.Date(2180, 6, 1, 0, 0, 0, 0, time.UTC), "6-minutes-ahead": began.Add(6 * time.Minute),
	}
	right := map[string]time.Time{"29-days": began.AddDate(0, 0, -29), "4-minutes-ahead": began.Add(4 * time.Minute), "now": began}
	model := 0
	for _, timestamps := range []map[string]time.Time{wrong, right} {
		for sku, at := range timestamps {
			for n := 1; n <= 2; n++ { // the second one supersedes the first
				e := event(10001, sku, n)
				e.ModelID = int64(model + 1)
				s.sendAt(s.topics.Events(), e.Key.String(), stockevent.Encode(&e), at)
			}
			s.sendAt(s.topics.Events(), "shopee/10001/"+sku, []byte("{"), at)
			s.sendAt(s.topics.DeadLetters(), "foreign "+sku, []byte("{"), at)
			model++
		}
	}
	require.NoError(t, s.producer.Flush(t.Context()))

	skus := uint64(len(wrong) + len(right))
	eventually(s, skus, "SELECT countIf(status = 'Successfully') FROM {db}.push_record_history")
	eventually(s, skus, "SELECT countIf(status = 'Skipped') FROM {db}.push_record_history")
	eventually(s, skus, "SELECT countIf(last_push_status = 'Successfully' AND pending = 0) FROM {db}.store_sku_push_status")
	eventually(s, 2*skus, "SELECT count() FROM {db}.rejected_events")
	eventually(s, 2*skus, "SELECT sum(records) FROM {db}.push_stats_hourly")
	require.Zero(t, one[uint64](s, "SELECT countIf(p50_ms < 0 OR p99_ms < 0 OR p99_ms > 32 * 86400000) FROM {db}.push_stats_hourly"))
	for sku, at := range right {
		requireTriggered(s, sku, at, at)
	}
	for sku := range wrong {
		requireTriggered(s, sku, began, time.Now())
	}
	require.Equal(t, uint64(len(wrong)), one[uint64](s, fmt.Sprintf("SELECT countIf(toUnixTimestamp64Milli(received_at) >= %d AND received_at <= now64(3)) FROM {db}.rejected_events "+
		"WHERE startsWith(key, 'foreign') AND substring(key, 9) IN ('%s')", began.UnixMilli(), strings.Join(slices.Collect(maps.Keys(wrong)), "', '"))))
}

// requireTriggered says within which times both events of a store SKU were triggered.
func requireTriggered(s *system, sku string, from, to time.Time) {
	s.t.Helper()
	within := fmt.Sprintf("toUnixTimestamp64Milli(triggered_at) BETWEEN %d AND %d", from.UnixMilli(), to.UnixMilli())
	require.Equal(s.t, uint64(2), one[uint64](s, "SELECT countIf("+within+") FROM {db}.push_record_history WHERE store_sku = '"+sku+"'"), sku)
}

// sendAt sends a message, again until the broker has taken over what createTime configured.
func (s *system) sendAt(topic, key string, value []byte, at time.Time) {
	s.t.Helper()
	var err error
	require.Eventually(s.t, func() bool {
		answer := make(chan error, 1)
		s.producer.Produce(s.t.Context(), &kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: []byte(key), Value: value, Timestamp: at}, func(err error) { answer <- err })
		err = <-answer
		return !errors.Is(err, kerr.InvalidTimestamp)
	}, 30*time.Second, 50*time.Millisecond, key)
	require.NoError(s.t, err)
}

// createTime lets producers choose the timestamps of topics, however far ahead.
func (s *system) createTime(topics ...string) {
	client, err := kgo.NewClient(s.conn.Options()...)
	require.NoError(s.t, err)
	defer client.Close()
	set := []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: new("CreateTime")},
		{Op: kadm.SetConfig, Name: "message.timestamp.after.max.ms", Value: new(strconv.Itoa(math.MaxInt64))},
	}
	answers, err := kadm.NewClient(client).AlterTopicConfigs(s.t.Context(), set, topics...)
	require.NoError(s.t, err)
	for _, a := range answers {
		require.NoError(s.t, a.Err)
	}
}
