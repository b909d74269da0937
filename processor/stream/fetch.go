package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxBatchBytes bounds what a batch may unpack to.
const maxBatchBytes = 64 << 20

const (
	readMaxBytes = 1 << 20
	readMaxWait  = 100 * time.Millisecond
	// readPatience is for how long a fetch is repeated that fails for a reason that passes.
	readPatience = 10 * time.Second
)

// logReader fetches a partition one request at a time. A consumer hides where it is when a fetch
// brings no record that it keeps: transaction markers, aborted or compacted records. This tells.
type logReader struct {
	client    *kgo.Client
	topic     string
	partition int32
	// leader and topicID are as of the last look, nil before it.
	leader  *kgo.Broker
	topicID [16]byte
}

// found is what a fetch found at an offset.
type found struct {
	records []*Record
	// next is the offset behind what was read; where there is nothing up to the last
	// stable offset it is the one that was asked for.
	next int64
}

// fetch reads committed records from an offset on.
func (l *logReader) fetch(ctx context.Context, offset int64) (found, error) {
	return backoff.Retry(ctx, func() (found, error) {
		f, err := l.try(ctx, offset)
		if err != nil {
			l.leader = nil
		}
		if err != nil && !Unreachable(err) {
			err = backoff.Permanent(err)
		}
		return f, err
	}, backoff.WithMaxElapsedTime(readPatience))
}

func (l *logReader) try(ctx context.Context, offset int64) (found, error) {
	answer, err := l.request(ctx, offset)
	if err != nil {
		return found{}, err
	}
	decompressor, _ := l.client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	opts := kgo.ProcessFetchPartitionOpts{Offset: offset, IsolationLevel: kgo.ReadCommitted(), Topic: l.topic, Partition: l.partition}
	part, next := kgo.ProcessFetchPartition(opts, answer, decompressor, nil)
	switch {
	case errors.Is(part.Err, kerr.OffsetOutOfRange) && offset < part.LogStartOffset:
		return found{next: part.LogStartOffset}, nil // retention took what was there
	case next > offset:
		return found{part.Records, next}, nil // what is wrong comes after it
	case part.Err == nil && len(answer.RecordBatches) > 0:
		return found{}, errUndecodable
	default:
		return found{next: next}, part.Err
	}
}

var errUndecodable = errors.New("the batch's records cannot be decoded")

// request asks the partition's leader.
func (l *logReader) request(ctx context.Context, offset int64) (*kmsg.FetchResponseTopicPartition, error) {
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = l.partition, offset, readMaxBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = l.topic, l.topicID, []kmsg.FetchRequestTopicPartition{part}
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = int32(readMaxWait.Milliseconds()), 1, readMaxBytes
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
		return nil, kerr.ThrottlingQuotaExceeded // it says nothing of what there is
	}
	return found, nil
}

// look finds the partition's leader.
func (l *logReader) look(ctx context.Context) error {
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
