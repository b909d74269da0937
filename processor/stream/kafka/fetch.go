package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// ReadMaxBytes is more than the largest batch that brokers take by default.
	ReadMaxBytes = 2 << 20
	readMaxWait  = 100 * time.Millisecond
	// readRetryTime is how long a fetch with a temporary error is retried.
	readRetryTime = 10 * time.Second
)

// LogReader fetches a partition one request at a time. Unlike a consumer it reports its position
// when a fetch returns no records: only transaction markers, aborted or compacted records.
type LogReader struct {
	client *kgo.Client
	// unpack belongs to this reader.
	unpack    *Unpacker
	topic     string
	partition int32
	// maxBytes bounds a fetch, which returns at least one batch.
	maxBytes int32
	// leader and topicID are cached; leader is nil if they are not known.
	leader  *kgo.Broker
	topicID [16]byte
}

// Fetched is the result of a fetch.
type Fetched struct {
	Records []*Record
	// Next is the offset after what was read. It is the requested offset if nothing lies
	// between that and End, the last stable offset.
	Next, End int64
	// Unreadable is why the batch before Next cannot be read; nil if it can.
	Unreadable error
}

// NewLogReader makes a reader of a partition.
func NewLogReader(client *kgo.Client, unpack *Unpacker, topic string, partition, maxBytes int32) *LogReader {
	return &LogReader{client: client, unpack: &Unpacker{Decompressor: unpack.Decompressor}, topic: topic, partition: partition, maxBytes: maxBytes}
}

// Fetch reads committed records from an offset.
func (l *LogReader) Fetch(ctx context.Context, offset int64) (Fetched, error) {
	return backoff.Retry(ctx, func() (Fetched, error) {
		f, err := l.try(ctx, offset)
		if err != nil {
			l.leader = nil
		}
		if err != nil && !Unreachable(err) {
			err = backoff.Permanent(err)
		}
		return f, err
	}, backoff.WithMaxElapsedTime(readRetryTime))
}

func (l *LogReader) try(ctx context.Context, offset int64) (Fetched, error) {
	answer, err := l.request(ctx, offset)
	if err != nil {
		return Fetched{}, err
	}
	if answer.ErrorCode == kerr.OffsetOutOfRange.Code && offset < answer.LogStartOffset {
		return Fetched{Next: answer.LogStartOffset}, nil // retention deleted those records
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return Fetched{}, err
	}
	opts := kgo.ProcessFetchPartitionOpts{Offset: offset, IsolationLevel: kgo.ReadCommitted(), Topic: l.topic, Partition: l.partition}
	l.unpack.Polled()
	part, next := kgo.ProcessFetchPartition(opts, answer, l.unpack, nil)
	f := Fetched{Records: part.Records, Next: next, End: answer.LastStableOffset}
	if next > offset || len(answer.RecordBatches) == 0 {
		return f, nil // an error concerns later offsets
	}
	f.Next, f.Unreadable = behindFirstBatch(answer), cmp.Or(part.Err, errUndecodable)
	if errors.Is(part.Err, kgo.ErrMaxDecompress) {
		f.Unreadable = ErrTooLarge
	}
	return f, nil
}

// ErrTooLarge is the cause of a batch that is not unpacked.
var ErrTooLarge = fmt.Errorf("the batch unpacks to more than %d MiB", maxBatchBytes>>20)

var errUndecodable = errors.New("its records cannot be decoded")

// behindFirstBatch returns the offset after a fetch's first batch. Only the batch's position and
// length can be trusted, since the broker uses them. So it is where the next batch begins; if none
// was fetched, it is the batch's own last offset, within the log.
func behindFirstBatch(f *kmsg.FetchResponseTopicPartition) int64 {
	const lengthAt, lastOffsetDeltaAt, headBytes = 8, 23, 27
	batches := f.RecordBatches
	if len(batches) < headBytes {
		return f.LastStableOffset
	}
	first := int64(binary.BigEndian.Uint64(batches))
	size := lengthAt + 4 + int64(binary.BigEndian.Uint32(batches[lengthAt:]))
	if size+lengthAt <= int64(len(batches)) {
		return int64(binary.BigEndian.Uint64(batches[size:]))
	}
	return max(first+1, min(f.LastStableOffset, first+1+int64(binary.BigEndian.Uint32(batches[lastOffsetDeltaAt:]))))
}

// request asks the partition's leader.
func (l *LogReader) request(ctx context.Context, offset int64) (*kmsg.FetchResponseTopicPartition, error) {
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = l.partition, offset, l.maxBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = l.topic, l.topicID, []kmsg.FetchRequestTopicPartition{part}
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = int32(readMaxWait.Milliseconds()), 1, l.maxBytes
	r.IsolationLevel, r.Topics = 1, []kmsg.FetchRequestTopic{topic}
	answer, err := r.RequestWith(ctx, l.leader)
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("fetch of %s/%d: the broker did not answer for it", l.topic, l.partition)
	}
	found := &answer.Topics[0].Partitions[0]
	if len(found.RecordBatches) == 0 && found.ErrorCode == 0 && answer.ThrottleMillis > 0 {
		return nil, kerr.ThrottlingQuotaExceeded // an empty answer, which does not mean that the log is empty
	}
	return found, nil
}

// look finds the partition's leader if it is not known.
func (l *LogReader) look(ctx context.Context) error {
	if l.leader != nil {
		return nil
	}
	topics, err := kadm.NewClient(l.client).ListTopics(ctx, l.topic)
	if err != nil {
		return err
	}
	detail := topics[l.topic]
	part, ok := detail.Partitions[l.partition]
	switch {
	case detail.Err != nil:
		return detail.Err
	case !ok:
		return ErrNoTopic
	case part.Err != nil:
		return part.Err
	case part.Leader < 0:
		return kerr.LeaderNotAvailable
	}
	l.leader, l.topicID = l.client.Broker(int(part.Leader)), detail.ID
	return nil
}

const (
	// maxBatchBytes bounds what a batch may unpack to.
	maxBatchBytes = 64 << 20
	// maxUnpolledBytes bounds what fetches unpack between two polls: a fetch may have hundreds of
	// small batches that each unpack to megabytes. The last batch may exceed the bound.
	maxUnpolledBytes = 64 << 20
)

// ErrLater is the error of a batch that is not unpacked now. The client fetches it again.
var ErrLater = errors.New("enough has been unpacked for now")

// Unpacker unpacks batches until enough of them wait to be polled.
type Unpacker struct {
	kgo.Decompressor
	unpolled atomic.Int64
}

// NewUnpacker makes an unpacker of the client's decompressor. Only a client can set the bound.
func NewUnpacker() (*Unpacker, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(maxBatchBytes))
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	return &Unpacker{Decompressor: client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)}, nil
}

// Decompress implements kgo.Decompressor.
func (u *Unpacker) Decompress(packed []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if u.unpolled.Load() >= maxUnpolledBytes {
		return nil, ErrLater
	}
	b, err := u.Decompressor.Decompress(packed, codec)
	u.unpolled.Add(int64(len(b)))
	return b, err
}

// Polled is called when what was unpacked so far was polled.
func (u *Unpacker) Polled() { u.unpolled.Store(0) }
