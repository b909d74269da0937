package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/watermark"
)

// Assignment is one partition in our hands, from assignment to revoke. A
// partition that comes back is another Assignment: nothing that still holds the
// old one can touch the new one.
type Assignment struct {
	topic      string
	partition  int32
	generation uint64
	alive      func() bool
	// scribble writes over what is recycled; nil outside of tests.
	scribble func(*Record)
	batches  chan []*Record
	over     atomic.Bool
	closing  atomic.Bool

	mu        sync.Mutex
	watermark *watermark.Watermark
	committed int64
	// mark goes along with the next commit, and committedMark went along with the last.
	mark, committedMark string
	// logEnd is the partition's end as of the last fetch, and fetched when that came.
	logEnd  int64
	fetched time.Time
	ages    ages
}

func newAssignment(topic string, partition int32, generation uint64) *Assignment {
	return &Assignment{topic: topic, partition: partition, generation: generation, batches: make(chan []*Record), committed: -1}
}

// Topic is the topic that is read.
func (a *Assignment) Topic() string { return a.topic }

// Partition is the partition that is read.
func (a *Assignment) Partition() int32 { return a.partition }

// Generation tells this assignment from earlier and later ones of this process.
func (a *Assignment) Generation() uint64 { return a.generation }

// Batches delivers the partition's records in order. It is closed when the
// partition is to be given back: finish what is in flight, and return.
func (a *Assignment) Batches() <-chan []*Record { return a.batches }

// Recycle gives a record's memory to later fetches. Whoever was delivered it says by that
// that nobody has anything of it any more, its key and value included; who never says
// so leaves it to the collector.
func (a *Assignment) Recycle(r *Record) {
	if a.scribble != nil {
		a.scribble(r)
	}
	r.Recycle()
}

// Closing says that the partition is to be given back: it waits for its handler.
func (a *Assignment) Closing() bool { return a.closing.Load() }

// Alive says whether we may still act as the partition's owner: it is ours, and
// the broker heard of us within half the session timeout.
func (a *Assignment) Alive() bool { return !a.over.Load() && a.alive() }

// Resolve says that an offset is dealt with for good. It may be called from
// any goroutine; after the assignment is over it does nothing.
func (a *Assignment) Resolve(offset int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark != nil {
		a.watermark.Resolve(offset)
	}
}

// ResolveAll resolves many offsets at once.
func (a *Assignment) ResolveAll(offsets []int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, offset := range offsets {
		if a.watermark != nil {
			a.watermark.Resolve(offset)
		}
	}
}

// errRewound says that the log gave offsets a second time.
var errRewound = errors.New("the log went back: records after the last ones have lower offsets " +
	"(was the topic made anew, or cut by an unclean election? `stockpush check` tells; `setup --new-log` declares a new one)")

func (a *Assignment) track(batch []*Record, logEnd int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logEnd, a.fetched = logEnd, time.Now()
	if a.watermark == nil {
		a.watermark = watermark.New(batch[0].Offset)
	}
	if batch[0].Offset < a.watermark.Next() {
		return fmt.Errorf("offset %d after %d: %w", batch[0].Offset, a.watermark.Next()-1, errRewound)
	}
	for _, r := range batch {
		a.watermark.Track(r.Offset)
	}
	a.ages.of(a.watermark.Committable()) // so that what is done with is forgotten
	a.ages.delivered(batch[len(batch)-1].Offset, a.fetched)
	return nil
}

// oldest is when the oldest record that is not resolved yet was delivered; zero if all are.
func (a *Assignment) oldest() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil || a.watermark.Unresolved() == 0 {
		return time.Time{}
	}
	return a.ages.of(a.watermark.Committable())
}

// Mark leaves a text for the partition's next owner, which finds it in its Backlog.
// It is committed together with the offset, so only an owner can: a handler calls
// it before it returns from a drain. Without any record there is no commit, and no mark.
func (a *Assignment) Mark(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mark = text
}

// Marked is what Mark was given.
func (a *Assignment) Marked() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mark
}

// position is what is committed of a partition.
type position struct {
	offset int64
	mark   string
}

// uncommitted is what to commit, if it is not committed yet.
func (a *Assignment) uncommitted() (at position, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil {
		return at, false
	}
	at = position{a.watermark.Committable(), a.mark}
	return at, at.offset != a.committed || at.mark != a.committedMark
}

func (a *Assignment) markCommitted(at position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed, a.committedMark = at.offset, at.mark
}

// Unresolved is how many delivered records are not resolved yet.
func (a *Assignment) Unresolved() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil {
		return 0
	}
	return a.watermark.Unresolved()
}

// LogEnd is the offset behind the last record that the partition is known to have; 0
// before the first fetch.
func (a *Assignment) LogEnd() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logEnd
}

// lag is how many records of the log are not committable yet, as far as we know.
func (a *Assignment) lag() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil {
		return 0
	}
	return max(0, a.logEnd-a.watermark.Committable())
}

// NewTestAssignment makes an assignment that a test feeds by hand: deliver
// hands over a batch, and closes the assignment when it is nil. A record that was
// recycled is empty.
func NewTestAssignment(ctx context.Context, topic string, partition int32) (a *Assignment, deliver func([]*Record)) {
	a = newAssignment(topic, partition, 1)
	a.scribble = func(r *Record) { *r = Record{} }
	a.alive = func() bool { return true }
	return a, func(batch []*Record) {
		if batch == nil {
			a.closing.Store(true)
			close(a.batches)
			return
		}
		if err := a.track(batch, batch[len(batch)-1].Offset+1); err != nil {
			panic(err) // the test's own mistake
		}
		select {
		case a.batches <- batch:
		case <-ctx.Done():
		}
	}
}

// Committable is the offset that would be committed now; false before the first batch.
func (a *Assignment) Committable() (int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil {
		return 0, false
	}
	return a.watermark.Committable(), true
}
