package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels/shopee/sandbox"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// transact produces an event in a transaction.
func (s *system) transact(e schemas.Event, end kgo.TransactionEndTry) {
	client, err := kgo.NewClient(append(s.conn.Options(), kgo.TransactionalID(s.topics.Events()), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(s.t, err)
	defer client.Close()
	require.NoError(s.t, client.BeginTransaction())
	key := []byte(e.Key.String())
	r := &kgo.Record{Topic: s.topics.Events(), Partition: schemas.PartitionFor(key, s.cfg.Kafka.Partitions), Key: key, Value: stockevent.Encode(&e)}
	require.NoError(s.t, client.ProduceSync(s.t.Context(), r).FirstErr())
	require.NoError(s.t, client.EndTransaction(s.t.Context(), end))
}

// An event of an aborted transaction does not exist, and nothing waits for it.
func TestE2EOnlyCommittedEventsArePushed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	s.transact(event(10001, "x", 10), kgo.TryCommit)
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-10'")
	s.transact(event(10001, "x", 99), kgo.TryAbort)
	s.transact(event(10001, "y", 1), kgo.TryAbort)
	s.send(event(10001, "x", 11))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-11'")
	require.Equal(t, []sandbox.Stock{{ItemID: 500, ModelID: 7, Stock: 11}}, s.sandbox.Stock(10001))
	require.Equal(t, "10, 11", one[string](s, "SELECT arrayStringConcat(arraySort(groupArray(toString(push_qty))), ', ') FROM {db}.push_record_history"))
	ends, err := kafka.EndOffsets(t.Context(), s.conn, s.topics.Events())
	require.NoError(t, err)
	eventuallyNothingWaits(s, ends)
}

// eventuallyNothingWaits waits until all of the events topic is committed, control records
// included.
func eventuallyNothingWaits(s *system, ends map[int32]int64) {
	require.Eventually(s.t, func() bool {
		committed, err := kafka.Committed(s.t.Context(), s.conn, s.topics.ProcessorGroup(), s.topics.Events())
		require.NoError(s.t, err)
		for partition, end := range ends {
			if end != max(0, committed[partition]) {
				return false
			}
		}
		return true
	}, 45*time.Second, 50*time.Millisecond)
}
