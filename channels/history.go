package channels

import (
	"context"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// History is what partitions hold from before they were assigned.
type History interface {
	// EndOffset is where a partition of the commands ends now.
	EndOffset(ctx context.Context, partition int32) (int64, error)
	// States gives take every message of a partition of the states, in order.
	States(ctx context.Context, partition int32, take func(*stream.Record) error) error
}

// Kafka is the history that the topics hold.
type Kafka struct {
	Connection stream.Connection
	Topics     schemas.Topics
}

// EndOffset asks the broker.
func (k Kafka) EndOffset(ctx context.Context, partition int32) (int64, error) {
	return stream.EndOffset(ctx, k.Connection, k.Topics.Commands(), partition)
}

// States reads the partition as far as it reaches now.
func (k Kafka) States(ctx context.Context, partition int32, take func(*stream.Record) error) error {
	return stream.ReadPartition(ctx, k.Connection, k.Topics.State(), partition, take)
}
