package stream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
)

// transaction produces records to partition 0 in a transaction, which end ends.
func (b *bench) transaction(id string, values ...string) (end func(kgo.TransactionEndTry)) {
	client, err := kgo.NewClient(append(b.conn.Options(), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(b.t, err)
	require.NoError(b.t, client.BeginTransaction())
	for _, value := range values {
		require.NoError(b.t, client.ProduceSync(b.t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr())
	}
	return func(how kgo.TransactionEndTry) {
		defer client.Close()
		require.NoError(b.t, client.EndTransaction(b.t.Context(), how))
	}
}

// collector keeps what is delivered, and up to where.
type collector struct {
	mu     sync.Mutex
	values []string
	passed int64
}

func (c *collector) take(a *stream.Assignment, batch stream.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = batch.Next
	for _, r := range batch.Records {
		c.values = append(c.values, string(r.Value))
		a.Resolve(r.Offset)
	}
}

func (c *collector) got() (values []string, passed int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.values), c.passed
}

// collect runs a member that collects.
func (b *bench) collect() (*collector, *prometheus.Registry) {
	c, registry := &collector{}, prometheus.NewRegistry()
	b.runIn(registry, handlerFunc(func(_ context.Context, a *stream.Assignment) error {
		for batch := range a.Batches() {
			c.take(a, batch)
		}
		return nil
	}))
	return c, registry
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

// An aborted event does not exist, and markers after the last record are no backlog.
func TestAbortedTransactionsAreNotDelivered(t *testing.T) {
	b := newBench(t, 1)
	b.transaction("one", "10", "11")(kgo.TryCommit)
	b.transaction("two", "99")(kgo.TryAbort)
	c, registry := b.collect()
	const end = 5 // three records and two markers
	b.eventuallyCommitted(0, end)
	values, passed := c.got()
	require.Equal(t, []string{"10", "11"}, values)
	require.EqualValues(t, end, passed)
	require.Zero(t, metric(t, registry, "stockpush_stream_lag"))
}

// Records after the first one of an open transaction cannot be read yet.
func TestOpenTransactionHoldsLaterRecords(t *testing.T) {
	b := newBench(t, 1)
	b.produce(0, 1)
	end := b.transaction("one", "in it")
	b.produce(0, 2)
	c, registry := b.collect()
	b.eventuallyCommitted(0, 1)
	require.Zero(t, metric(t, registry, "stockpush_stream_lag"))
	end(kgo.TryCommit)
	b.eventuallyCommitted(0, 5)
	values, _ := c.got()
	require.Equal(t, []string{"v", "in it", "v", "v"}, values)
}

// Reads of a topic end at its last stable offset, whether records or markers lie below it.
func TestReadsOfATopicAreCommitted(t *testing.T) {
	b := newBench(t, 1)
	read := func() (values []string) {
		require.NoError(t, kafka.ReadPartition(t.Context(), b.conn, topic, 0, func(r *kafka.Record) error {
			values = append(values, string(r.Value))
			return nil
		}))
		return values
	}
	b.transaction("one", "10")(kgo.TryCommit)
	require.Equal(t, []string{"10"}, read())
	abort := b.transaction("two", "99")
	end := b.transaction("three", "11") // it is open when the one before it has been aborted
	require.Equal(t, []string{"10"}, read())
	abort(kgo.TryAbort)
	require.Equal(t, []string{"10"}, read())
	backlog, err := kafka.ReadBacklog(t.Context(), b.conn, group, kafka.Place{Topic: topic})
	require.NoError(t, err)
	require.EqualValues(t, 3, backlog.End)
	end(kgo.TryCommit)
	require.Equal(t, []string{"10", "11"}, read())
	for i := range 300 {
		b.transaction(fmt.Sprint("more ", i), "v")(kgo.TryAbort)
	}
	require.Equal(t, []string{"10", "11"}, read())
}

// Compaction may delete all records at a log's end.
func TestReadEndsAtACompactedEnd(t *testing.T) {
	b := newBench(t, 1)
	b.produce(0, 1)
	b.produce(0, 3)
	b.cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		asked := r.(*kmsg.FetchRequest)
		if asked.Topics[0].Partitions[0].FetchOffset == 0 {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.FetchResponse)
		part := kmsg.NewFetchResponseTopicPartition()
		part.HighWatermark, part.LastStableOffset = 4, 4
		answer.Topics = []kmsg.FetchResponseTopic{{TopicID: asked.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{part}}}
		return answer, nil, true
	})
	n := 0
	require.NoError(t, kafka.ReadSpan(t.Context(), b.conn, kafka.Span{Topic: topic, From: 1, To: 4}, func(*kafka.Record) error { n++; return nil }))
	require.Zero(t, n)
}
