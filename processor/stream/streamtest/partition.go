package streamtest

import (
	"context"
	"slices"
	"sync/atomic"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
)

// Partition is an assignment outside of any consumer group. The same owner runs its handler as
// in a stage; the test says what is delivered, and when and how the partition is taken away.
type Partition struct {
	*stream.Owner
	full atomic.Bool
}

// Run runs the handler of a partition until Drain or Drop. It sets how many batches wait.
func Run(ctx context.Context, cfg stream.OwnerConfig, h stream.Handler) *Partition {
	p := &Partition{}
	cfg.MaxQueuedBatches, cfg.Pause, cfg.Resume = 2, func() { p.full.Store(true) }, func() { p.full.Store(false) }
	p.Owner = stream.NewOwner(cfg)
	p.Start(ctx, h)
	return p
}

// Deliver queues the next records of the partition, whose log ends at logEnd; it does not block.
func (p *Partition) Deliver(batch []*kafka.Record, logEnd int64) error {
	defer p.PauseIfFull()
	return p.Push(slices.Clone(batch), logEnd)
}

// Full says whether a stage would fetch no more for now.
func (p *Partition) Full() bool { return p.full.Load() }

// NewAssignment makes an assignment whose handler the test runs. Deliver hands over a batch and waits
// until the handler has received it. Delivering nil asks the handler to finish. The batches end with
// ctx, too.
func NewAssignment(ctx context.Context, topic string, partition int32) (a *stream.Assignment, deliver func([]*kafka.Record)) {
	o := stream.NewOwner(stream.OwnerConfig{
		Topic: topic, Partition: partition, Alive: func() bool { return true }, Failed: func(err error) { panic(err) }, MaxQueuedBatches: 1,
		Pause: func() {}, Resume: func() {},
	})
	o.Start(ctx, elsewhere{})
	return o.Assignment, func(batch []*kafka.Record) {
		if batch == nil {
			o.Close()
			return
		}
		if err := o.Push(slices.Clone(batch), batch[len(batch)-1].Offset+1); err != nil {
			panic(err) // the test's own mistake
		}
		o.MakeRoom(ctx.Done())
	}
}

// elsewhere stands in for a handler that the test runs.
type elsewhere struct{}

func (elsewhere) Run(ctx context.Context, _ *stream.Assignment) error {
	<-ctx.Done()
	return nil
}
