package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// ByKey as a record's partition means that the topic's partitioner chooses it by the record's key.
const ByKey int32 = -1

// Producer sends records. Records of one partition are stored in the order of the calls. Done is
// called exactly once for each and must not block. Until then the producer owns the record.
// Produce blocks while too much is unacknowledged.
type Producer interface {
	Produce(ctx context.Context, r *Record, done func(error))
}

// ClusterProducer is the Producer of a cluster. It is idempotent, waits for all replicas, and retries
// until the cluster accepts or refuses a record.
type ClusterProducer struct {
	client *kgo.Client
	// room bounds unacknowledged bytes.
	room *semaphore.Weighted
}

const (
	// MaxUnacknowledgedBytes is how much may be unacknowledged; above it Produce blocks. A
	// larger record waits until nothing else is unacknowledged.
	MaxUnacknowledgedBytes = 32 << 20
	// RecordOverheadBytes is the memory of a record in addition to its key and value.
	RecordOverheadBytes = 320
	// HeaderOverheadBytes is the memory of a header in addition to its key and value.
	HeaderOverheadBytes = 40
)

// DefaultBatchBytes is the largest batch that a topic accepts by default: Kafka's default for
// max.message.bytes, less headroom.
const DefaultBatchBytes = 1_000_000

// NewProducer makes a producer whose batches, and so messages, have at most
// maxBatchBytes; it connects when it is first used.
func NewProducer(c Connection, maxBatchBytes int32) (*ClusterProducer, error) {
	client, err := kgo.NewClient(append(c.Options(),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(c.choosePartition)),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Snappy takes less processor time than LZ4 for about the same size.
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		// No linger: a lone message is sent at once, and under load messages gather while
		// earlier requests are in flight.
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(maxBatchBytes),
		kgo.MaxBufferedRecords(MaxUnacknowledgedBytes/RecordOverheadBytes+1), // never reached: room is the limit
		kgo.UnknownTopicRetries(10),
	)...)
	if err != nil {
		return nil, fmt.Errorf("kafka producer: %w", err)
	}
	return &ClusterProducer{client, semaphore.NewWeighted(MaxUnacknowledgedBytes)}, nil
}

func (c Connection) choosePartition(topic string) func(*Record, int) int {
	byKey := c.Partitioners[topic]
	return func(r *Record, partitions int) int {
		if r.Partition >= 0 {
			return int(r.Partition) % partitions
		}
		return int(byKey.Partition(r.Key, partitions))
	}
}

// Produce hands the record to the client. The context bounds only the wait for room: the client
// would fail a whole batch when the context of its first record ends, and the batch may have
// records of other owners. So what the owner of a lost partition produced is still sent.
func (p *ClusterProducer) Produce(ctx context.Context, r *Record, done func(error)) {
	bytes := min(RecordOverheadBytes+SizeOf(r), MaxUnacknowledgedBytes)
	if err := p.room.Acquire(ctx, bytes); err != nil {
		done(err)
		return
	}
	p.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		p.room.Release(bytes)
		done(err)
	})
}

// SizeOf is how many bytes a record's key, value and headers take.
func SizeOf(r *Record) int64 {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += HeaderOverheadBytes + len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// Flush waits until all records are acknowledged.
func (p *ClusterProducer) Flush(ctx context.Context) error { return p.client.Flush(ctx) }

// Close ends the producer. Unacknowledged records fail.
func (p *ClusterProducer) Close() { p.client.Close() }
