// Package eventlog keeps which life of the events topic this is.
//
// Offsets order events only as long as the topic is the same and has the same
// partitions. So the topic's identity is written down, under a key of its own in
// the state topic, with a number that counts its lives; everything newer-or-older
// compares that number first.
package eventlog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// recordKey is not a store SKU's key, so restoring states passes it over.
const recordKey = "~log"

// Log is one life of the events topic.
type Log struct {
	ID         uint16 `json:"log_id"`
	TopicID    string `json:"topic_id"`
	Partitions int    `json:"partitions"`
}

// Errors of Current.
var (
	// ErrUndeclared says that no log was ever declared.
	ErrUndeclared = errors.New("the events topic is not set up (run `stockpush setup`)")
	// ErrChanged says that the topic is not the one that was declared.
	ErrChanged = errors.New("the events topic was made anew or got more partitions, so its offsets mean nothing any more " +
		"(stop all processes, then run `stockpush setup --new-log`)")
)

// Current is the declared log, if the topic still is that one.
func Current(ctx context.Context, c stream.Connection, topics schemas.Topics) (Log, error) {
	declared, err := read(ctx, c, topics)
	if err != nil {
		return Log{}, err
	}
	now, err := describe(ctx, c, topics)
	if err != nil {
		return Log{}, err
	}
	if now.TopicID != declared.TopicID || now.Partitions != declared.Partitions {
		return declared, ErrChanged
	}
	return declared, nil
}

// Verify says ErrChanged if a position of the log lies above the log's end: the
// topic was made anew with the same name, or cut.
func Verify(ctx context.Context, c stream.Connection, topics schemas.Topics, log Log, newest schemas.Frontier) error {
	ends, err := stream.EndOffsets(ctx, c, topics.Events())
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

// Newest reads the whole state topic for the newest events that it knows.
func Newest(ctx context.Context, c stream.Connection, topics schemas.Topics) (schemas.Frontier, error) {
	info, err := stream.Describe(ctx, c, topics.State())
	if err != nil {
		return nil, err
	}
	newest := schemas.Frontier{}
	for partition := range int32(info.Partitions) {
		err := stream.ReadPartition(ctx, c, topics.State(), partition, func(r *stream.Record) error {
			if string(r.Key) == recordKey {
				return nil
			}
			state, err := schemas.DecodeState(r.Value)
			if err == nil {
				newest.Take(state.Newest.Position)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the state: %w", err)
		}
	}
	return newest, nil
}

// Declare writes the topic as it is now down as the log after the declared one.
// Of a topic that was made anew the processor's group forgets its offsets, which
// would else skip as many events.
func Declare(ctx context.Context, c stream.Connection, topics schemas.Topics) (Log, error) {
	before, err := read(ctx, c, topics)
	if err != nil && !errors.Is(err, ErrUndeclared) {
		return Log{}, err
	}
	next, err := describe(ctx, c, topics)
	if err != nil {
		return Log{}, err
	}
	next.ID = before.ID + 1
	if before.TopicID != "" && before.TopicID != next.TopicID {
		if err := stream.ForgetOffsets(ctx, c, topics.ProcessorGroup(), topics.Events()); err != nil {
			return Log{}, err
		}
	}
	value, err := json.Marshal(next)
	if err != nil {
		return Log{}, err
	}
	producer, err := stream.NewProducer(c, stream.DefaultBatchBytes)
	if err != nil {
		return Log{}, err
	}
	defer producer.Close()
	written := make(chan error, 1)
	producer.Produce(ctx, &stream.Record{Topic: topics.State(), Partition: 0, Key: []byte(recordKey), Value: value}, func(err error) { written <- err })
	if err := <-written; err != nil {
		return Log{}, fmt.Errorf("declare the events topic: %w", err)
	}
	return next, nil
}

func read(ctx context.Context, c stream.Connection, topics schemas.Topics) (Log, error) {
	var log Log
	err := stream.ReadPartition(ctx, c, topics.State(), 0, func(r *stream.Record) error {
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

func describe(ctx context.Context, c stream.Connection, topics schemas.Topics) (Log, error) {
	info, err := stream.Describe(ctx, c, topics.Events())
	if err != nil {
		return Log{}, err
	}
	return Log{TopicID: hex.EncodeToString(info.ID[:]), Partitions: info.Partitions}, nil
}
