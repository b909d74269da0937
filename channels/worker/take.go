package worker

import (
	"bytes"
	"context"
	"errors"
	"time"

	"stockpush/channels/lane"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// takeAll takes a batch of commands. It dead-letters a command at which the stage panics.
func (w *worker) takeAll(ctx context.Context, batch []*stream.Record) {
	w.next = max(w.next, w.assignment.Passed())
	now := time.Now()
	for _, r := range batch {
		err := stream.Guard(func() { w.take(ctx, r, now) })
		if p, ok := errors.AsType[*stream.PanicError](err); ok {
			w.deps.Logger.Error("the stage panicked at a command, which becomes a dead letter",
				"partition", r.Partition, "offset", r.Offset, "error", err, "stack", string(p.Stack))
			w.deadLetter(ctx, r, schemas.CodePanicked, err, r.Offset)
		}
	}
}

// take offers a command to its lane.
func (w *worker) take(ctx context.Context, r *stream.Record, now time.Time) {
	w.next = max(w.next, r.Offset+1)
	key, c, err := w.decode(r)
	if err != nil {
		w.unreadable(ctx, r, err)
		return
	}
	s, err := w.sku(key)
	if err != nil {
		w.unreadable(ctx, r, err)
		return
	}
	sh := w.shopOf(s.Key)
	sh.lane.SetPaused(w.pausing.shops[sh.id], now)
	w.write(sh, sh.lane.Offer(s, &c, now), now)
	w.schedule.add(sh)
}

// decode reads a command, whose encoded event shares the message's memory.
func (w *worker) decode(r *stream.Record) (key string, c lane.Command, err error) {
	packed, err := schemas.SplitCommand(r.Value)
	if err != nil {
		return "", c, err
	}
	event, err := schemas.UnpackEvent(schemas.Key{}, packed.Packed)
	inherited := r.Offset < w.inheritedBelow
	return packed.Key, lane.Command{
		Event: event, Encoded: packed.Packed, QueuedAt: packed.QueuedAt, Offset: r.Offset,
		Inherited: inherited, MaybeSent: inherited && !w.clean,
	}, err
}

func (w *worker) unreadable(ctx context.Context, r *stream.Record, cause error) {
	w.deps.Logger.Error("a command cannot be read, it becomes a dead letter", "partition", r.Partition, "offset", r.Offset, "error", cause)
	w.deadLetter(ctx, r, schemas.CodeUnreadable, cause, r.Offset)
}

// deadLetter dead-letters a copy of a message, which settles the commands at offsets.
func (w *worker) deadLetter(ctx context.Context, r *stream.Record, code string, cause error, offsets ...int64) {
	w.out.DeadLetter(ctx, schemas.DeadLetter{
		BadEvent:    schemas.BadEvent{Code: code, Message: cause.Error()},
		SourceTopic: r.Topic, SourcePartition: r.Partition, SourceOffset: r.Offset, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
	}, offsets...)
}
