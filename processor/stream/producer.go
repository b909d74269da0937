package stream

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// ByKey as a record's partition leaves the choice to its key, by the topic's partitioner; any
// other partition is used as it is.
const ByKey int32 = -1

// Producer sends records. Records of one partition are stored in the order in
// which they were given. Done is called exactly once for each; it must not
// block. Until then the record is the producer's, and after it the caller's again.
// Produce itself blocks while too much is unacknowledged.
type Producer interface {
	Produce(ctx context.Context, r *Record, done func(error))
}

// KafkaProducer is the Producer on a cluster: idempotent, acknowledged by all
// replicas, retried until the cluster takes it or says that it never will.
type KafkaProducer struct {
	client *kgo.Client
	// room is for what is not acknowledged, in bytes.
	room *semaphore.Weighted
}

const (
	// MaxUnacknowledgedBytes is how much may wait for its acknowledgement; above it Produce
	// blocks. A larger record waits until it is alone.
	MaxUnacknowledgedBytes = 32 << 20
	// RecordOverheadBytes is what a record counts beside its key and value, for what the
	// client and the one who waits for it keep of it.
	RecordOverheadBytes = 320
)

// DefaultBatchBytes is the largest batch that every topic takes unless it was
// made otherwise: Kafka's own default for max.message.bytes, less its headroom.
const DefaultBatchBytes = 1_000_000

// NewProducer makes a producer whose batches, and so messages, have at most
// maxBatchBytes; it connects when it is first used.
func NewProducer(c Connection, maxBatchBytes int32) (*KafkaProducer, error) {
	client, err := kgo.NewClient(append(c.Options(),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(c.choosePartition)),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Snappy took a sixth less of the processor than LZ4 for much the same size.
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		// No linger: a lone message goes at once, and under load messages gather
		// anyhow while the requests before them are on their way.
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(maxBatchBytes),
		kgo.MaxBufferedRecords(MaxUnacknowledgedBytes/RecordOverheadBytes+1), // never reached: we wait for room ourselves
		kgo.UnknownTopicRetries(10),
	)...)
	if err != nil {
		return nil, fmt.Errorf("kafka producer: %w", err)
	}
	return &KafkaProducer{client, semaphore.NewWeighted(MaxUnacknowledgedBytes)}, nil
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

// Produce hands the record to the client. The context bounds the wait for room and
// nothing after it: the client would fail whole batches when the context of their first
// record ends, with records of other partitions' and stages' owners. What a lost
// partition's owner has given is sent, as what was on its way already is.
func (p *KafkaProducer) Produce(ctx context.Context, r *Record, done func(error)) {
	bytes := min(int64(RecordOverheadBytes+len(r.Key)+len(r.Value)), MaxUnacknowledgedBytes)
	if err := p.room.Acquire(ctx, bytes); err != nil {
		done(err)
		return
	}
	p.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		p.room.Release(bytes)
		done(err)
	})
}

// Flush waits until everything given so far is acknowledged.
func (p *KafkaProducer) Flush(ctx context.Context) error { return p.client.Flush(ctx) }

// Close ends the producer; what is not acknowledged fails.
func (p *KafkaProducer) Close() { p.client.Close() }
