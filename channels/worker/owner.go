package worker

import (
	"context"

	"stockpush/channels/sku"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/outbox"
	"stockpush/schemas"
)

// An owner that was killed may have had requests in flight, so its successor assumes that every
// waiting command may still be applied. An owner that was drained had none, and shows it:
//
//   - before it sends anything, an owner claims the partition: it writes its name under ownerKey
//     to the state topic and waits for the acknowledgement;
//   - after it has drained, and the states have all requests with an unknown outcome, it puts its
//     name into the commit of its offset (the clean mark).
//
// A successor accepts the mark only if the last claim has the same name: an owner that claimed
// later may have sent something. An owner that lost the partition without noticing may claim
// late, but the group refuses its commit, and so its mark.

// ownerKey is the Kafka key of claims; no store SKU can have it.
const ownerKey = "~owner"

func cleanMark(owner string) string { return "clean " + owner }

// claim invalidates every earlier owner's mark, and waits until the claim is stored.
func (w *worker) claim(ctx context.Context) error {
	w.flush(ctx)
	w.out.Send(ctx, outbox.Turn{First: []*outbox.Message{{
		Record:  kafka.Record{Topic: w.deps.Topics.State(), Partition: w.assignment.Partition(), Key: []byte(ownerKey), Value: []byte(w.id)},
		Sources: []int64{schemas.NoOffset},
	}}})
	for w.out.Open() > 0 {
		select {
		case ack := <-w.out.Acks():
			if err := w.out.Handle(ctx, ack); err != nil {
				return err
			}
		case <-w.recheck.C:
			w.out.Advance(ctx)
			w.recheck.Reset(recheckAfter)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// handOver prepares the successor's start after the last call ended: the states must have every
// request that may still be applied. It says whether they do.
func (w *worker) handOver() (done bool) {
	var unsaved []*sku.SKU
	for _, sh := range w.shops {
		unsaved = sh.lane.AppendUnsaved(unsaved)
	}
	for _, s := range unsaved {
		w.writing.state(s, noSource)
	}
	if len(unsaved) > 0 {
		w.timer.Reset(0) // they are sent in the next turn
		return false
	}
	if w.clean || w.caughtUp() { // otherwise commands are left that an earlier owner may have sent
		w.assignment.Mark(cleanMark(w.id))
	}
	return true
}
