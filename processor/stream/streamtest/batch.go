// Package streamtest has partitions without a consumer group, and stores batches that cannot be
// read, for tests of who meets them.
package streamtest

import (
	"bytes"
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

// Zeros are records whose values are so many zeros together. They pack to little.
func Zeros(records, bytes int) []*kafka.Record {
	all := make([]*kafka.Record, records)
	for i := range all {
		all[i] = &kafka.Record{Key: []byte("k"), Value: make([]byte, bytes/records)} // a compacted topic takes no records without a key
	}
	return all
}

// Produce stores records as one batch.
func Produce(ctx context.Context, c kafka.Connection, to kafka.Place, records []*kafka.Record, options ...kgo.Opt) error {
	client, err := kgo.NewClient(append(append(c.Options(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ManualFlushing(),
		kgo.ProducerBatchMaxBytes(90<<20),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()),
	), options...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	stored := kgo.AbortingFirstErrPromise(client)
	for _, r := range records {
		r.Topic, r.Partition = to.Topic, to.Partition
		client.Produce(ctx, r, stored.Promise())
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return stored.Err()
}

// Nonsense replaces the records of a batch by bytes that are none. The batch's checksum is right.
func Nonsense() kgo.Opt { return kgo.WithCompressor(nonsense{}) }

type nonsense struct{}

func (nonsense) Compress(*bytes.Buffer, []byte, ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	return bytes.Repeat([]byte{0xff}, 100), kgo.CodecNone
}
