package worker

import (
	"context"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// History is what partitions hold from before they were assigned.
type History interface {
	// Backlog says which commands of a partition wait for its new owner.
	Backlog(ctx context.Context, partition int32) (stream.Backlog, error)
	// States gives take every message of a partition of the states from an offset on, in
	// order, and says where they end.
	States(ctx context.Context, partition int32, from int64, take func(*stream.Record) error) (end int64, err error)
}

// Kafka is the history that the topics hold. It waits for a broker that is away: a
// partition is assigned, and the broker may be gone before its new owner has asked.
type Kafka struct {
	Connection stream.Connection
	Topics     schemas.Topics
}

// Backlog asks the broker.
func (k Kafka) Backlog(ctx context.Context, partition int32) (stream.Backlog, error) {
	return stream.Patiently(ctx, k.Connection.Logger, func() (stream.Backlog, error) {
		return stream.ReadBacklog(ctx, k.Connection, k.Topics.ChannelsGroup(), stream.Place{Topic: k.Topics.Commands(), Partition: partition})
	})
}

// States reads the partition as far as it reaches now. If the broker is away it
// starts over: taking a message twice changes nothing.
func (k Kafka) States(ctx context.Context, partition int32, from int64, take func(*stream.Record) error) (end int64, err error) {
	return stream.Patiently(ctx, k.Connection.Logger, func() (int64, error) {
		return stream.ReadFrom(ctx, k.Connection, stream.Place{Topic: k.Topics.State(), Partition: partition, Offset: from}, take)
	})
}
