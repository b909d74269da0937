package worker

import (
	"context"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// restore reads the partition's states, determines which commands an earlier owner may have had
// in flight, and claims the partition.
func (w *worker) restore(ctx context.Context) error {
	backlog, err := w.deps.History.Backlog(ctx, w.assignment.Partition())
	if err != nil {
		return err
	}
	w.next, w.inheritedBelow = backlog.From, backlog.End
	r := restoring{worker: w, now: time.Now(), newest: schemas.Frontier{}}
	w.statesEnd, err = w.deps.History.States(ctx, w.assignment.Partition(), 0, func(m *kafka.Record) error {
		r.take(ctx, m)
		return nil
	})
	if err != nil {
		return err
	}
	w.reporting.epoch = w.statesEnd
	w.saveUnsaved() // the topic keeps the last message, so it must be the newest state
	w.clean = r.lastOwner != "" && backlog.Mark == cleanMark(r.lastOwner)
	if err := w.claim(ctx); err != nil {
		return err
	}
	if w.deps.Verify != nil {
		err = w.deps.Verify(ctx, r.newest)
	}
	if err == nil {
		w.endShadow()
	}
	return err
}

// endShadow begins to push again what an earlier owner pushed in shadow mode only.
func (w *worker) endShadow() {
	if w.cfg.Shadow {
		return
	}
	count := 0
	for s := range w.skus() {
		if s.Last.Shadow {
			count++
		}
	}
	if count == 0 {
		return
	}
	w.deps.Logger.Warn("store SKUs were pushed in shadow mode only, they are pushed again", "partition", w.assignment.Partition(), "store_skus", count)
	for _, sh := range w.shops {
		w.did(sh, sh.lane.Resume())
	}
}

// restoring is a restore in progress.
type restoring struct {
	*worker
	now time.Time
	// newest has the newest events of the states.
	newest    schemas.Frontier
	lastOwner string
}

// take takes a message of the state topic.
func (r *restoring) take(ctx context.Context, m *kafka.Record) {
	if string(m.Key) == ownerKey {
		r.lastOwner = string(m.Value)
		return
	}
	if r.restoreStatus(m) {
		return
	}
	key, err := schemas.ParseKey(string(m.Key))
	if err != nil {
		return // not a store SKU's state
	}
	var state wire.PackedState
	if len(m.Value) > 0 { // an empty one is a deleted state
		state, err = wire.SplitState(m.Value)
	}
	if err != nil {
		r.unreadableState(ctx, m, err)
		return
	}
	sh := r.shop(key.Shop())
	s := sh.lane.SKU(key)
	s.Unsaved = len(m.Value) > 0 && s.Last.Newer(state.Finished.Position) // a worker that lost its partition may write late
	if s.Unsaved {
		return
	}
	s.Restore(&state)
	r.newest.Take(state.NewestAt)
	sh.lane.Restore(s, r.now)
	r.visit(sh)
}

// unreadableState dead-letters a state. Its store SKU has no state until its next push.
func (r *restoring) unreadableState(ctx context.Context, m *kafka.Record, cause error) {
	r.deps.Logger.Error("a state cannot be read, it becomes a dead letter", "partition", m.Partition, "offset", m.Offset, "error", cause)
	r.deadLetter(ctx, m, schemas.CodeUnreadable, cause)
}

// History reads what partitions had before they were assigned.
type History interface {
	// Backlog returns which commands of a partition wait for its new owner.
	Backlog(ctx context.Context, partition int32) (kafka.Backlog, error)
	// States calls take for every message of a partition of the state topic from an offset on,
	// in order, and returns where they end.
	States(ctx context.Context, partition int32, from int64, take func(*kafka.Record) error) (end int64, err error)
}

// Kafka reads the history from Kafka. It retries until the broker answers.
type Kafka struct {
	Connection kafka.Connection
	Topics     schemas.Topics
}

// Backlog asks the broker.
func (k Kafka) Backlog(ctx context.Context, partition int32) (kafka.Backlog, error) {
	return kafka.Retry(ctx, k.Connection.Logger, func() (kafka.Backlog, error) {
		return kafka.ReadBacklog(ctx, k.Connection, k.Topics.ChannelsGroup(), kafka.Place{Topic: k.Topics.Commands(), Partition: partition})
	})
}

// States reads the partition up to its current end. A retry starts over: taking a message twice
// changes nothing.
func (k Kafka) States(ctx context.Context, partition int32, from int64, take func(*kafka.Record) error) (end int64, err error) {
	return kafka.Retry(ctx, k.Connection.Logger, func() (int64, error) {
		return kafka.ReadFrom(ctx, k.Connection, kafka.Place{Topic: k.Topics.State(), Partition: partition, Offset: from}, take)
	})
}
