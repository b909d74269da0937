package worker

import (
	"bytes"
	"context"
	"time"

	"stockpush/channels/lane"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// takeAll takes a batch of commands. It dead-letters a command that cannot be read, or at which
// the stage panics.
func (w *worker) takeAll(ctx context.Context, batch stream.Batch) {
	w.next = max(w.next, batch.Next)
	now := time.Now()
	for _, r := range batch.Records {
		panicked := stream.Guard(func() {
			if err := w.take(r, now); err != nil {
				w.deps.Logger.Error("a command cannot be read, it becomes a dead letter", "partition", r.Partition, "offset", r.Offset, "error", err)
				w.deadLetter(ctx, r, schemas.CodeUnreadable, err, r.Offset)
			}
		})
		if panicked != nil {
			w.deps.Logger.Error("the stage panicked at a command, which becomes a dead letter",
				"partition", r.Partition, "offset", r.Offset, "error", panicked, "stack", string(panicked.Stack))
			w.deadLetter(ctx, r, schemas.CodePanicked, panicked, r.Offset)
		}
	}
}

// take offers a command, whose encoded event shares the message's memory, to its shop's lane.
func (w *worker) take(r *kafka.Record, now time.Time) error {
	c, err := wire.DecodeCommand(r.Value)
	if err != nil {
		return err
	}
	inherited := r.Offset < w.inheritedBelow
	sh := w.shop(c.Key.Shop())
	result := sh.lane.Offer(&lane.Command{Command: c, Offset: r.Offset, Inherited: inherited, MaybeSent: inherited && !w.clean}, now)
	w.tracing.take(r.Headers, result.Queued, now)
	w.did(sh, result)
	w.visit(sh)
	return nil
}

// deadLetter dead-letters a copy of a message, which settles the commands at offsets.
func (w *worker) deadLetter(ctx context.Context, r *kafka.Record, code string, cause error, offsets ...int64) {
	w.out.DeadLetter(ctx, schemas.DeadLetter{
		BadEvent:    schemas.BadEvent{Code: code, Message: cause.Error()},
		SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
	}, offsets...)
}
