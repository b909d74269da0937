// Package streamtest makes batches that no producer makes, for tests of who meets them.
package streamtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream/kafka"
)

const gzipCodec = 1

// Bomb is a batch of records whose values are zeros, which unpacks to so many bytes.
func Bomb(records, unpackedBytes int) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	value := unpackedBytes / records
	zeros := make([]byte, min(value, 1<<20))
	for i := range records {
		_, _ = w.Write(recordHead(i, value)) // to memory
		for left := value; left > 0; left -= len(zeros) {
			_, _ = w.Write(zeros[:min(left, len(zeros))])
		}
		_, _ = w.Write([]byte{0}) // no headers
	}
	_ = w.Close()
	return batch(records, gzipCodec, packed.Bytes())
}

// recordHead is a record up to its value.
func recordHead(offset, value int) []byte {
	const key = "k"   // a compacted topic takes no records without one
	body := []byte{0} // attributes
	for _, field := range []int64{0, int64(offset), int64(len(key))} {
		body = binary.AppendVarint(body, field)
	}
	body = binary.AppendVarint(append(body, key...), int64(value))
	return append(binary.AppendVarint(nil, int64(len(body)+value+1)), body...)
}

// Nonsense is a batch with a right checksum, whose records are none.
func Nonsense(records int) []byte {
	return batch(records, 0, bytes.Repeat([]byte{0xff}, 100))
}

func batch(records int, attributes int16, packed []byte) []byte {
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: attributes, LastOffsetDelta: int32(records - 1), FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(records), Records: packed,
	}
	raw := b.AppendTo(nil)
	const length, crc, content = 8, 17, 21
	binary.BigEndian.PutUint32(raw[length:], uint32(len(raw)-length-4))
	binary.BigEndian.PutUint32(raw[crc:], crc32.Checksum(raw[content:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// Produce stores a batch and says which offset its first record has.
func Produce(ctx context.Context, c kafka.Connection, topic string, partition int32, batch []byte) (offset int64, err error) {
	client, err := kgo.NewClient(c.Options()...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return 0, err
	}
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, batch
	to := kmsg.NewProduceRequestTopic()
	to.Topic, to.TopicID, to.Partitions = topic, topics[topic].ID, []kmsg.ProduceRequestTopicPartition{part}
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis, r.Topics = -1, 60_000, []kmsg.ProduceRequestTopic{to}
	answer, err := r.RequestWith(ctx, client.Broker(int(topics[topic].Partitions[partition].Leader)))
	if err != nil {
		return 0, err
	}
	stored := answer.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(stored.ErrorCode); err != nil {
		return 0, fmt.Errorf("%s/%d: %w", topic, partition, err)
	}
	return stored.BaseOffset, nil
}
