package worker

import (
	"context"

	"stockpush/channels/sku"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// An owner that was killed may have requests in flight, so its successor treats every command
// that waits as one that may still be applied. An owner that was drained has none, and says so:
//
//   - before it sends anything, an owner claims the partition: a message with its name under
//     ownerKey in the state topic, acknowledged;
//   - after it has drained, and the states tell of all requests with an unknown outcome, it
//     marks the commit of its offset with its name.
//
// A successor believes the mark only if its name is the last that claimed. An owner that
// claimed later may have sent something. One that lost the partition without knowing may claim
// late, but the group accepts no commit of it, so no mark.

// ownerKey is no store SKU's key.
const ownerKey = "~owner"

func cleanMark(owner string) string { return "clean " + owner }

// claim makes every earlier owner's mark void, and waits until that is stored.
func (w *worker) claim(ctx context.Context) error {
	w.flush(ctx)
	w.out.Send(ctx, stream.Turn{First: []*stream.Message{{
		Record:  stream.Record{Topic: w.deps.Topics.State(), Partition: w.assignment.Partition(), Key: []byte(ownerKey), Value: []byte(w.id)},
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

// handOver prepares the successor's start, once nothing is in flight: the states must tell
// of every request that may still be applied. It says whether they do.
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
	if w.clean || w.caughtUp() { // else commands are left that the owner before may have sent
		w.assignment.Mark(cleanMark(w.id))
	}
	return true
}
