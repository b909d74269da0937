package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A message of some hundred bytes may have a key of five megabytes.
func TestE2EADeadLetterAlwaysFits(t *testing.T) {
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
