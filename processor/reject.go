package processor

import (
	"context"
	"errors"
	"fmt"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

func wrongPartition(want, got int32) error {
	return &schemas.BadEvent{
		Code:    schemas.CodeWrongPartition,
		Message: fmt.Sprintf("the key belongs in partition %d, not %d: produce with murmur2 partitioning (kcat: -X partitioner=murmur2_random)", want, got),
	}
}

// reject sends a bad event to the dead letters, as it was received. Its offset
// is resolved when it lies there.
func (o *outbox) reject(ctx context.Context, r *stream.Record, cause error) {
	var bad *schemas.BadEvent
	if !errors.As(cause, &bad) {
		bad = &schemas.BadEvent{Code: schemas.CodeNotJSON, Message: cause.Error()}
	}
	o.deps.Metrics.rejected(bad.Code)
	letter := schemas.DeadLetter{
		BadEvent:    *bad,
		SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset,
		Key: r.Key, Value: r.Value,
	}
	o.produceWith(ctx, o.deps.DeadLetters, stream.DeadLetterMessage(o.deps.Topics, &letter), func() { o.assignment.Resolve(r.Offset) })
}
