package channels

import (
	"context"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// An owner that was killed may have requests on the wire, so its successor takes
// every command that waits for one that may still land. An owner that gave its
// partition back in good order has none, and says so:
//
//   - before it sends anything, an owner claims the partition: a message with its
//     name under ownerKey in the states, acknowledged;
//   - after it has drained, and the states tell of all that may still land, it marks
//     the commit of its offset with its name.
//
// A successor believes the mark only if its name is the last that claimed. Whoever
// claimed after it may have sent something; whoever lost the partition without
// knowing may claim late, but the group takes no commit of his, so no mark.

// ownerKey is not a store SKU's key, so restoring states passes it over.
const ownerKey = "~owner"

func cleanMark(owner string) string { return "clean " + owner }

// claim makes every earlier owner's mark void, and waits until that is stored.
func (w *worker) claim(ctx context.Context) error {
	stored := make(chan struct{})
	claim := &message{Record: stream.Record{Key: []byte(ownerKey), Value: []byte(w.id)}, of: []int64{schemas.NoOffset}}
	w.out.flush(ctx)
	w.out.send(ctx, w.deps.Topics.State(), w.assignment.Partition(), []*message{claim}, func(context.Context) { close(stored) })
	for {
		select {
		case <-stored:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.out.failed:
			return err
		case <-w.out.settled:
			w.out.take(ctx)
		}
	}
}

// handOver prepares the successor's begin, once nothing is in flight: the states
// are to tell of every request that may still land. It says whether that is done.
func (w *worker) handOver() (done bool) {
	done = true
	for _, l := range w.lanes {
		for s := range l.owed {
			if s.unsaved {
				w.out.state(s)
				done = false
			}
		}
	}
	if !done {
		w.timer.Reset(0) // the states go out with the next turn
		return false
	}
	if w.clean || w.caughtUp() { // else commands are left that the one before us may have sent
		w.assignment.Mark(cleanMark(w.id))
	}
	return true
}
