package stream

import (
	"bytes"
	"context"
	"sync/atomic"
)

// Manual is an assignment outside of any consumer group, for tests that stand in
// for Kafka. The same owner runs it as in a Stage; whoever holds it says what is
// delivered, and when and how the partition is taken away.
type Manual struct{ *owner }

// ManualConfig is what a Manual assignment is of.
type ManualConfig struct {
	Topic     string
	Partition int32
	// Alive says whether the broker heard of us lately.
	Alive func() bool
	// Failed is told the error with which the handler ended.
	Failed func(error)
}

// RunManual runs the handler of an assignment until Drain or Drop.
func RunManual(ctx context.Context, cfg ManualConfig, h Handler) *Manual {
	m := &Manual{&owner{
		Assignment: newAssignment(cfg.Topic, cfg.Partition, 1),
		limit:      Config{}.withDefaults().MaxQueuedBatches, queuedBytes: new(atomic.Int64),
		pause: func() {}, resume: func() {}, release: overwrite,
		done: make(chan struct{}), wake: make(chan struct{}, 1), popped: make(chan struct{}, 1),
	}}
	m.alive = cfg.Alive
	m.start(ctx, h, cfg.Failed)
	return m
}

// Deliver hands over copies of the next records of the partition, whose log ends at
// logEnd; it does not block. When the handler has received a batch, the one before is
// overwritten.
func (m *Manual) Deliver(batch []*Record, logEnd int64) error {
	defer m.pauseIfFull()
	return m.push(fetchOf(copies(batch), logEnd))
}

func copies(batch []*Record) []*Record {
	all := make([]*Record, 0, len(batch))
	for _, r := range batch {
		own := *r
		own.Key, own.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		all = append(all, &own)
	}
	return all
}

// overwrite makes nonsense of a batch, as later fetches would.
func overwrite(batch []*Record) {
	for _, r := range batch {
		for _, b := range [][]byte{r.Key, r.Value} {
			for i := range b {
				b[i] = '~'
			}
		}
		*r = Record{}
	}
}

// Full says whether a stage would fetch no more for now.
func (m *Manual) Full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paused
}

// Drain takes the partition away in good order, as a revoke does.
func (m *Manual) Drain(ctx context.Context) { m.drain(ctx) }

// Drop takes it away at once, as a loss does.
func (m *Manual) Drop() { m.drop() }
