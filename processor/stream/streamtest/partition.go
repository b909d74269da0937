package streamtest

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"

	"stockpush/processor/stream"
)

// Config is what a Partition is.
type Config struct {
	Topic     string
	Partition int32
	// Alive says whether the last heartbeat is recent.
	Alive func() bool
	// Failed receives the error with which the handler ended.
	Failed func(error)
}

// Partition is an assignment outside of any consumer group. The same owner runs its handler as
// in a stage; the test says what is delivered, and when and how the partition is taken away.
type Partition struct {
	*stream.Owner
	full atomic.Bool
}

// Run runs the handler of a partition until Drain or Drop.
func Run(ctx context.Context, cfg Config, h stream.Handler) *Partition {
	p := &Partition{}
	p.Owner = stream.NewOwner(stream.OwnerConfig{
		Topic: cfg.Topic, Partition: cfg.Partition, Alive: cfg.Alive, Failed: cfg.Failed, MaxQueuedBatches: 2,
		Pause: func() { p.full.Store(true) }, Resume: func() { p.full.Store(false) }, Release: overwrite,
	})
	p.Start(ctx, h)
	return p
}

// Deliver queues copies of the next records of the partition, whose log ends at logEnd; it does
// not block. When the handler has received a batch, the one before is overwritten.
func (p *Partition) Deliver(batch []*stream.Record, logEnd int64) error {
	defer p.PauseIfFull()
	return p.Push(copies(batch), logEnd)
}

// Full says whether a stage would fetch no more for now.
func (p *Partition) Full() bool { return p.full.Load() }

// NewAssignment makes an assignment whose handler the test runs. Deliver hands over copies of a
// batch's records and waits until the handler has received them; then the batch before is
// overwritten. Delivering nil asks the handler to finish. The batches end with ctx, too.
func NewAssignment(ctx context.Context, topic string, partition int32) (a *stream.Assignment, deliver func([]*stream.Record)) {
	waiting, received := false, make(chan struct{}, 1)
	o := stream.NewOwner(stream.OwnerConfig{
		Topic: topic, Partition: partition, Alive: func() bool { return true }, Failed: func(err error) { panic(err) }, MaxQueuedBatches: 1,
		Pause: func() { waiting = true }, Resume: func() { received <- struct{}{} }, Release: overwrite,
	})
	o.Start(ctx, elsewhere{})
	return o.Assignment, func(batch []*stream.Record) {
		if batch == nil {
			o.Close()
			return
		}
		if err := o.Push(copies(batch), batch[len(batch)-1].Offset+1); err != nil {
			panic(err) // the test's own mistake
		}
		if o.PauseIfFull(); !waiting {
			return
		}
		waiting = false
		select {
		case <-received:
		case <-ctx.Done():
		}
	}
}

// elsewhere stands in for a handler that the test runs.
type elsewhere struct{}

func (elsewhere) Run(ctx context.Context, _ *stream.Assignment) error {
	<-ctx.Done()
	return nil
}

func copies(batch []*stream.Record) []*stream.Record {
	all := make([]*stream.Record, 0, len(batch))
	for _, r := range batch {
		own := *r
		own.Key, own.Value, own.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
		for i, h := range own.Headers {
			own.Headers[i].Value = bytes.Clone(h.Value)
		}
		all = append(all, &own)
	}
	return all
}

// overwrite makes nonsense of a batch, as later fetches would.
func overwrite(batch []*stream.Record) {
	for _, r := range batch {
		texts := [][]byte{r.Key, r.Value}
		for _, h := range r.Headers {
			texts = append(texts, h.Value)
		}
		for _, text := range texts {
			for i := range text {
				text[i] = '~'
			}
		}
		*r = stream.Record{}
	}
}
