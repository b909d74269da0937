package processor

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"stockpush/processor/latest"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

const (
	// maxChainBytes is where the links of a window are spilled before it closes.
	maxChainBytes = 16 << 10
	// maxLinkBytes bounds the memory of all links that wait in the process. Each partition
	// has its share; above it the links of the window that gets an event are spilled.
	maxLinkBytes = 112 << 20
)

// outbox produces what a partition's events come to, and resolves their
// offsets when Kafka has acknowledged all of it. Only its callbacks leave the
// partition's goroutine.
type outbox struct {
	deps       Deps
	assignment *stream.Assignment
	// commandsTopic is made once, not for each command.
	commandsTopic string
	// skipped and commands count for the metrics, which are told now and then.
	skipped, commands int
	buffer            *latest.Buffer
	// mayHold is how much memory the buffer's links may have, in bytes.
	mayHold int
	// parcels are what is being gathered, by partition of the records topic.
	parcels []*parcel
	slab    slab
	// unacked counts messages that Kafka has not acknowledged yet.
	unacked atomic.Int64
	// settled has room for one: a hint that unacked fell to zero.
	settled chan struct{}
	// failed has room for the first error; the partition's goroutine reads it.
	failed chan error
}

func newOutbox(deps Deps, a *stream.Assignment, buffer *latest.Buffer) *outbox {
	return &outbox{
		deps: deps, assignment: a, commandsTopic: deps.Topics.Commands(),
		buffer: buffer, mayHold: maxLinkBytes, parcels: make([]*parcel, deps.Log.RecordPartitions),
		settled: make(chan struct{}, 1), failed: make(chan error, 1),
	}
}

// spill writes the links of a window that stays open, if they are many or memory is scarce.
// Otherwise they wait: records of one store SKU that lie together cost the store less
// than half of what scattered ones do.
func (o *outbox) spill(ctx context.Context, w *latest.Entry) {
	scarce := o.buffer.LinkBytes() > o.mayHold && len(w.Links()) > 0
	if scarce || len(w.Links()) > maxChainBytes {
		newest := w.Newest()
		o.parcel(ctx, w.Key()).add(schemas.Chain{Newest: newest.Packed(), Links: o.buffer.TakeLinks(w)})
	}
}

// parcel is the one that the next record of a store SKU goes into.
func (o *outbox) parcel(ctx context.Context, key string) *parcel {
	n := o.recordsPartition(key)
	p := o.parcels[n]
	if p != nil && len(p.records) > maxParcelBytes {
		o.ship(ctx, p)
		p = nil
	}
	if p == nil {
		p = newParcel(key, o.assignment)
		o.parcels[n] = p
	}
	p.turnTo(key)
	return p
}

func (o *outbox) recordsPartition(key string) int32 {
	if log := &o.deps.Log; log.RecordPartitions == log.Partitions && len(log.Earlier) == 0 {
		return o.assignment.Partition() // both are chosen by the same key
	}
	return schemas.PartitionFor([]byte(key), o.deps.Log.RecordPartitions)
}

// ship produces a parcel's records. Whatever is added to the outbox from then on
// goes into another one.
func (o *outbox) ship(ctx context.Context, p *parcel) {
	message := &stream.Record{Topic: o.deps.Topics.Records(), Partition: stream.ByKey, Key: p.key, Value: p.records}
	o.produce(ctx, message, p.acknowledged)
}

// flush ships everything that was gathered.
func (o *outbox) flush(ctx context.Context) {
	for n, p := range o.parcels {
		if p != nil {
			o.ship(ctx, p)
			o.parcels[n] = nil
		}
	}
}

// send closes a window: its newest event becomes a command and a Pending
// record, which is of one chain with the Skipped ones. The offsets of all windows of a
// parcel are resolved when its records and its commands are acknowledged.
func (o *outbox) send(ctx context.Context, w *latest.Entry, now time.Time) {
	p := o.parcel(ctx, w.Key())
	for _, repeat := range w.Earlier() {
		o.order(ctx, p, repeat, schemas.Chain{QueuedAt: now})
	}
	o.order(ctx, p, w.Newest(), schemas.Chain{QueuedAt: now, Links: w.Links()})
}

// order makes a command of an event of the store SKU that the parcel is at, which is its
// chain's newest.
func (o *outbox) order(ctx context.Context, p *parcel, e latest.Waiting, chain schemas.Chain) {
	chain.Newest = e.Packed()
	p.add(chain)
	p.offsets = append(p.offsets, e.Offset)
	p.unacked.Add(1)
	o.produce(ctx, o.command(p.sku, chain.Newest, chain.QueuedAt), p.acknowledged)
	o.commands++
}

func (o *outbox) command(key string, packed []byte, now time.Time) *stream.Record {
	m := o.slab.message()
	m.Topic = o.commandsTopic
	m.Partition = schemas.PartitionFor([]byte(schemas.ShopText(key)), o.deps.Log.CommandPartitions)
	m.Key = o.slab.bytes(func(b []byte) []byte { return append(b, key...) })
	m.Value = o.slab.bytes(func(b []byte) []byte { return schemas.AppendPackedCommand(b, key, packed, now) })
	return m
}

// produce hands a message to Kafka; acked runs when it is durable, or when what
// takes its place is. An error that is not the message's fault ends the stage:
// going on would lose it.
func (o *outbox) produce(ctx context.Context, m *stream.Record, acked func()) {
	o.unacked.Add(1)
	o.deps.Producer.Produce(ctx, m, func(err error) {
		switch {
		case err == nil:
			acked()
		case stream.Refused(err):
			o.unacked.Add(1)
			go func() { // a producer's callback must not produce itself; drain waits for this too
				defer o.settle()
				o.refused(ctx, m, err, acked)
			}()
		default:
			o.fail(fmt.Errorf("produce to %s: %w", m.Topic, err))
		}
		o.settle()
	})
}

// settle counts one message less that is not answered for.
func (o *outbox) settle() {
	if o.unacked.Add(-1) == 0 {
		notify(o.settled)
	}
}

func (o *outbox) fail(err error) {
	select {
	case o.failed <- err:
	default: // an earlier error is on its way already
	}
}

// drain waits until Kafka has answered for everything that was sent.
func (o *outbox) drain(ctx context.Context) error {
	for o.unacked.Load() > 0 {
		select {
		case <-ctx.Done():
			return nil
		case err := <-o.failed:
			return err
		case <-o.settled:
		}
	}
	return nil
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
