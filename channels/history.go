package channels

import (
	"context"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// History is what partitions hold from before they were assigned.
type History interface {
	// Backlog says which commands of a partition wait for its new owner.
	Backlog(ctx context.Context, partition int32) (stream.Backlog, error)
	// States gives take every message of a partition of the states, in order.
	States(ctx context.Context, partition int32, take func(*stream.Record) error) error
}

// Kafka is the history that the topics hold.
type Kafka struct {
	Connection stream.Connection
	Topics     schemas.Topics
}

// Backlog asks the broker.
func (k Kafka) Backlog(ctx context.Context, partition int32) (stream.Backlog, error) {
	return stream.ReadBacklog(ctx, k.Connection, k.Topics.ChannelsGroup(), stream.Place{Topic: k.Topics.Commands(), Partition: partition})
}

// States reads the partition as far as it reaches now.
func (k Kafka) States(ctx context.Context, partition int32, take func(*stream.Record) error) error {
	return stream.ReadPartition(ctx, k.Connection, k.Topics.State(), partition, take)
}
