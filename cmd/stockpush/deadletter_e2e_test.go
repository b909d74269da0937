package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

// A message of a few hundred bytes may have a key of five megabytes.
func TestE2EDeadLetterAlwaysFits(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	client, err := kgo.NewClient(append(s.conn.Options(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(6<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))...)
	require.NoError(t, err)
	defer client.Close()
	for partition := range int32(s.cfg.Kafka.Partitions) {
		r := &kgo.Record{Topic: s.topics.Events(), Partition: partition, Key: bytes.Repeat([]byte("k"), 5_000_000), Value: []byte("v")}
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	s.send(event(10001, "x", 3))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-3'")
	eventually(s, uint64(s.cfg.Kafka.Partitions), "SELECT countIf(length(key) = 65536 AND value = 'v') FROM {db}.rejected_events")
}

// Every stage skips a batch that cannot be unpacked, with a dead letter for each position, and
// continues.
func TestE2EUnreadableBatchesAreSkipped(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	x := event(10001, "x", 3)
	bySKU, byShop := schemas.PartitionFor([]byte(x.Key.String()), s.cfg.Kafka.Partitions), schemas.PartitionFor([]byte(x.Key.Shop().String()), s.cfg.Kafka.Partitions)
	for topic, partition := range map[string]int32{s.topics.Events(): bySKU, s.topics.Commands(): byShop, s.topics.Records(): bySKU, s.topics.State(): byShop} {
		require.NoError(t, streamtest.Produce(t.Context(), s.conn, kafka.Place{Topic: topic, Partition: partition}, streamtest.Zeros(2, 70<<20)))
	}
	s.send(x, event(10002, "y", 4), event(10003, "z", 5))
	eventually(s, uint64(3), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	s.stop()
	s.start()
	s.send(event(10001, "x", 6))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-6'")
	eventually(s, uint64(8), "SELECT countIf(error_code = 'unreadable_batch') FROM {db}.rejected_events")
}
