package stream

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/watermark"
)

// Assignment is one partition in our hands, from assignment to revoke. A
// partition that comes back is another Assignment: nothing that still holds the
// old one can touch the new one.
type Assignment struct {
	topic     string
	partition int32
	alive     func() bool
	batches   chan []*Record
	over      atomic.Bool
	closing   atomic.Bool
	passed    atomic.Int64

	mu        sync.Mutex
	watermark *watermark.Watermark
	committed Commit
	// mark is part of the next commit.
	mark string
	// from is where the partition is read from; -1 until it is known.
	from int64
	// logEnd is the partition's last stable offset as of the last fetch, and fetched when that
	// came. brokerEnd is what the broker said last, whether anything can be fetched or not.
	logEnd, brokerEnd int64
	fetched           time.Time
	ages              ages
}

func newAssignment(topic string, partition int32, alive func() bool) *Assignment {
	return &Assignment{topic: topic, partition: partition, alive: alive, batches: make(chan []*Record), committed: Commit{Offset: -1}, from: -1}
}

// Topic is the topic that is read.
func (a *Assignment) Topic() string { return a.topic }

// Partition is the partition that is read.
func (a *Assignment) Partition() int32 { return a.partition }

// Batches delivers the partition's records in order. It is closed when the
// partition is to be given back: finish what is in flight, and return. A batch
// without records says that Passed has moved.
//
// A batch's records, with their keys, values and headers, are valid until the next batch is
// received: then later fetches reuse their memory. Copy what is needed for longer.
func (a *Assignment) Batches() <-chan []*Record { return a.batches }

// Passed is an offset below which every record was delivered. It is above the last record's
// where offsets follow that hold no record, such as a transaction's marker. Who waits until all
// records below some offset were delivered compares it as well.
func (a *Assignment) Passed() int64 { return a.passed.Load() }

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

// fetch is what came of a partition at once.
type fetch struct {
	records []*Record
	// first is the first offset that was read, and next the one behind the last:
	// there may be no record at them.
	first, next int64
	// logEnd is the partition's last stable offset: behind it are only records of
	// transactions that are still open, and what came after them.
	logEnd int64
	// letters is how many offsets, from first on, are resolved when their dead letters are stored.
	letters int64
}

// fetchOf is the fetch that brought records, some of which may be control records.
func fetchOf(all []*Record, logEnd int64) fetch {
	f := fetch{first: all[0].Offset, next: all[len(all)-1].Offset + 1, logEnd: logEnd}
	f.records = slices.DeleteFunc(all, func(r *Record) bool { return r.Attrs.IsControl() })
	return f
}

// queued waits for the handler: records, or none of them and the offset that Passed will be.
type queuedBatch struct {
	records []*Record
	bytes   int64
	passed  int64
}

// queued is what the handler gets of a fetch.
func (f *fetch) batches() (all []queuedBatch) {
	n := len(f.records)
	if n > 0 {
		next := queuedBatch{records: f.records}
		for _, r := range f.records {
			next.bytes += int64(len(r.Key) + len(r.Value))
		}
		all = append(all, next)
	}
	if n == 0 || f.records[n-1].Offset+1 < f.next {
		all = append(all, queuedBatch{passed: f.next})
	}
	return all
}

// offer is called when all that was queued before has been delivered.
func (a *Assignment) setPassed(next queuedBatch) {
	if len(next.records) == 0 {
		a.passed.Store(next.passed)
	}
}

func (a *Assignment) track(f fetch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logEnd, a.fetched = f.logEnd, time.Now()
	if a.watermark == nil {
		a.watermark = watermark.New(f.first)
	}
	if f.first < a.watermark.Next() {
		return fmt.Errorf("offset %d after %d: %w", f.first, a.watermark.Next()-1, errRewound)
	}
	for _, r := range f.records {
		a.watermark.Track(r.Offset)
	}
	for i := range f.letters {
		a.watermark.Track(f.first + i)
	}
	a.watermark.Skip(f.next)
	a.ages.of(a.watermark.Committable()) // so that what is done with is forgotten
	a.ages.delivered(f.next-1, a.fetched)
	return nil
}

// see takes the end of the log that the broker tells.
func (a *Assignment) setBrokerEnd(end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.brokerEnd = end
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

// Commit is what a group stores of a partition: the offset below which all is resolved, and
// the owner's mark.
type Commit struct {
	Offset int64
	Mark   string
}

// Committable is what may be committed now; false before the first batch.
func (a *Assignment) Committable() (at Commit, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark == nil {
		return at, false
	}
	return Commit{a.watermark.Committable(), a.mark}, true
}

// uncommitted is what to commit, if it is not committed yet.
func (a *Assignment) uncommitted() (at Commit, ok bool) {
	at, ok = a.Committable()
	a.mu.Lock()
	defer a.mu.Unlock()
	return at, ok && at != a.committed
}

func (a *Assignment) setCommitted(at Commit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed = at
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

// LogEnd is the partition's last stable offset as of the last fetch: the end of what readers
// of committed records get. It is 0 before the first fetch.
func (a *Assignment) LogEnd() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logEnd
}

// lag is how many offsets of the log are not committable yet, by what the broker said of its end.
func (a *Assignment) lag() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	done := a.from
	if a.watermark != nil {
		done = a.watermark.Committable()
	}
	if done < 0 {
		return 0
	}
	return max(0, max(a.logEnd, a.brokerEnd)-done)
}

// begin says where the partition is read from.
func (a *Assignment) setStart(at int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = at
}

// position is the offset that is to be fetched next; false until it is known.
func (a *Assignment) position() (offset int64, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watermark != nil {
		return a.watermark.Next(), true
	}
	return a.from, a.from >= 0
}
