// Package eventlog stores the current generation of the events topic.
//
// Offsets order events only while the topic is the same and keeps its partitions. So the topic's
// identity is stored under a key of its own in the state topic, with a generation number (log_id).
// Positions are compared by that number first.
package eventlog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// recordKey is not a store SKU's key, so restoring states skips it.
const recordKey = "~log"

// Log is one generation of the events topic.
type Log struct {
	ID         uint16 `json:"log_id"`
	TopicID    string `json:"topic_id"`
	Partitions int    `json:"partitions"`
	// Partitioner is how producers choose an event's partition. It is absent in declarations older
	// than it, which is murmur2.
	Partitioner schemas.Partitioner `json:"partitioner,omitempty"`
	// Earlier are the generations of the same topic with fewer partitions or another partitioner,
	// oldest first. Events that were unprocessed when the next one was declared belong to them.
	Earlier []Layout `json:"earlier,omitempty"`
}

// Layout is the partitioning of an earlier generation of the same topic.
type Layout struct {
	ID          uint16              `json:"log_id"`
	Partitions  int                 `json:"partitions"`
	Partitioner schemas.Partitioner `json:"partitioner,omitempty"`
	// Ends are the partitions' ends when the next generation was declared.
	Ends map[int32]int64 `json:"ends"`
}

// Errors of Current.
var (
	// ErrUndeclared reports that no generation was ever declared.
	ErrUndeclared = errors.New("the events topic is not set up (run `stockpush setup`)")
	// ErrChanged reports that the topic, or how producers choose its partitions, is not as declared.
	ErrChanged = errors.New("the events topic was recreated, or got more partitions or another kafka.partitioner, so its offsets are no longer valid " +
		"(stop all processes, then run `stockpush setup --new-log`)")
)

// Current returns the declared generation, or ErrChanged if the topic is another one now.
func Current(ctx context.Context, c kafka.Connection, topics schemas.Topics) (Log, error) {
	declared, err := read(ctx, c, topics)
	if err != nil {
		return Log{}, err
	}
	return declared, declared.Verify(ctx, c, topics)
}

// Verify returns ErrChanged if the events topic is not the declared one. It requests only the
// topic's description.
func (l Log) Verify(ctx context.Context, c kafka.Connection, topics schemas.Topics) error {
	now, err := describe(ctx, c, topics)
	if err == nil && (now.TopicID != l.TopicID || now.Partitions != l.Partitions) {
		err = ErrChanged
	} else if err == nil && now.Partitioner.String() != l.Partitioner.String() {
		err = fmt.Errorf("kafka.partitioner is %s, and the events topic was declared with %s: %w", now.Partitioner, l.Partitioner, ErrChanged)
	}
	return err
}

// PartitionOf returns the partition of a store SKU's events.
func (l Log) PartitionOf(key schemas.Key) int32 {
	return l.Partitioner.Partition([]byte(key.String()), l.Partitions)
}

// Verify returns ErrChanged if a known position lies above the log's end: the topic was recreated
// with the same name, or truncated.
func Verify(ctx context.Context, c kafka.Connection, topics schemas.Topics, log Log, newest schemas.Frontier) error {
	ends, err := kafka.EndOffsets(ctx, c, topics.Events())
	if err != nil {
		return err
	}
	for partition, position := range newest {
		if position.LogID == log.ID && position.Offset >= ends[partition] {
			return fmt.Errorf("the state knows event %d of partition %d, which ends at %d: %w", position.Offset, partition, ends[partition], ErrChanged)
		}
	}
	return nil
}

// Newest reads the whole state topic for the newest events that it contains.
func Newest(ctx context.Context, c kafka.Connection, topics schemas.Topics) (schemas.Frontier, error) {
	info, err := kafka.Describe(ctx, c, topics.State())
	if err != nil {
		return nil, err
	}
	newest := schemas.Frontier{}
	for partition := range int32(info.Partitions) {
		err := kafka.ReadPartition(ctx, c, topics.State(), partition, func(r *kafka.Record) error {
			if _, err := schemas.ParseKey(string(r.Key)); err != nil {
				return nil // this record, or an owner's claim
			}
			if state, err := wire.DecodeState(r.Value); err == nil { // the worker dead-letters what cannot be decoded
				newest.Take(state.Newest.Position)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the state: %w", err)
		}
	}
	return newest, nil
}

// Declare declares the topic's present form as the next generation. If the topic was recreated, it
// deletes the processor group's offsets, which would skip as many events.
func Declare(ctx context.Context, c kafka.Connection, topics schemas.Topics) (Log, error) {
	before, err := read(ctx, c, topics)
	if err != nil && !errors.Is(err, ErrUndeclared) {
		return Log{}, err
	}
	next, err := describe(ctx, c, topics)
	if err != nil {
		return Log{}, err
	}
	next.ID = before.ID + 1
	switch before.TopicID {
	case "":
	case next.TopicID:
		next.Earlier, err = before.layouts(ctx, c, topics)
	default:
		err = kafka.ForgetOffsets(ctx, c, topics.ProcessorGroup(), topics.Events())
	}
	if err != nil {
		return Log{}, err
	}
	value, err := json.Marshal(next)
	if err != nil {
		return Log{}, err
	}
	producer, err := kafka.NewProducer(c, kafka.DefaultBatchBytes)
	if err != nil {
		return Log{}, err
	}
	defer producer.Close()
	written := make(chan error, 1)
	producer.Produce(ctx, &kafka.Record{Topic: topics.State(), Partition: 0, Key: []byte(recordKey), Value: value}, func(err error) { written <- err })
	if err := <-written; err != nil {
		return Log{}, fmt.Errorf("declare the events topic: %w", err)
	}
	return next, nil
}

// layouts returns the layouts of the log and of those before it, for the next one. Messages of open
// transactions below the ends count too.
func (l Log) layouts(ctx context.Context, c kafka.Connection, topics schemas.Topics) ([]Layout, error) {
	ends, err := kafka.EndOffsets(ctx, c, topics.Events())
	return append(l.Earlier, Layout{l.ID, l.Partitions, l.Partitioner, ends}), err
}

func read(ctx context.Context, c kafka.Connection, topics schemas.Topics) (Log, error) {
	var log Log
	err := kafka.ReadPartition(ctx, c, topics.State(), 0, func(r *kafka.Record) error {
		if string(r.Key) != recordKey {
			return nil
		}
		return json.Unmarshal(r.Value, &log)
	})
	if err != nil {
		return Log{}, fmt.Errorf("read which events topic was declared: %w", err)
	}
	if log.ID == 0 {
		return Log{}, ErrUndeclared
	}
	return log, nil
}

func describe(ctx context.Context, c kafka.Connection, topics schemas.Topics) (Log, error) {
	info, err := kafka.Describe(ctx, c, topics.Events())
	if err != nil {
		return Log{}, err
	}
	return Log{TopicID: hex.EncodeToString(info.ID[:]), Partitions: info.Partitions, Partitioner: c.Partitioners[topics.Events()]}, nil
}
