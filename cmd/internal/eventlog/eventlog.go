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
	// Earlier are the lives of the same topic with fewer partitions, oldest first:
	// what was not processed when partitions were added is still of those.
	Earlier []Layout `json:"earlier,omitempty"`
}

// Layout is how an earlier life of the same topic spread its keys.
type Layout struct {
	ID         uint16 `json:"log_id"`
	Partitions int    `json:"partitions"`
	// Ends is where each partition ended when the next life was declared.
	Ends map[int32]int64 `json:"ends"`
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
	return declared, declared.Verify(ctx, c, topics)
}

// Verify says ErrChanged if the events topic is not the declared one any more.
// It asks for no more than the topic's description.
func (l Log) Verify(ctx context.Context, c stream.Connection, topics schemas.Topics) error {
	now, err := describe(ctx, c, topics)
	if err == nil && (now.TopicID != l.TopicID || now.Partitions != l.Partitions) {
		err = ErrChanged
	}
	return err
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
			if _, err := schemas.ParseKey(string(r.Key)); err != nil {
				return nil // this record, or an owner's claim
			}
			if state, err := schemas.DecodeState(r.Value); err == nil { // others are the worker's to put aside
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
	switch before.TopicID {
	case "":
	case next.TopicID:
		next.Earlier, err = before.layouts(ctx, c, topics)
	default:
		err = stream.ForgetOffsets(ctx, c, topics.ProcessorGroup(), topics.Events())
	}
	if err != nil {
		return Log{}, err
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

// layouts are the log's own and those before it, for the log that follows it. What lies below
// the ends counts, if its transaction is still open, too.
func (l Log) layouts(ctx context.Context, c stream.Connection, topics schemas.Topics) ([]Layout, error) {
	ends, err := stream.EndOffsets(ctx, c, topics.Events())
	return append(l.Earlier, Layout{l.ID, l.Partitions, ends}), err
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
