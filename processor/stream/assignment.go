package stream

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/processor/watermark"
)

// Assignment is a partition from its assignment to this process until it is revoked or lost. If
// the partition returns it is another Assignment, which nothing of the old one can change.
type Assignment struct {
	topic     string
	partition int32
	alive     func() bool
	batches   chan Batch
	over      atomic.Bool
	closing   chan struct{}
	closeOnce sync.Once

	mu        sync.Mutex
	watermark watermark.Watermark
	// known says that the watermark has the offset of the first fetch, and fetched that it came.
	known, fetched bool
	// mark is part of the next commit.
	mark string
	// logEnd is the partition's last stable offset as of the last fetch, and brokerEnd the one that
	// the broker reported, whether fetches work or not.
	logEnd, brokerEnd int64
	ages              ages
}

// Topic returns the topic.
func (a *Assignment) Topic() string { return a.topic }

// Partition returns the partition's number.
func (a *Assignment) Partition() int32 { return a.partition }

// Batch is what was fetched at once. Its records share memory: who keeps a part of one keeps the
// batch. Copy what is needed for long.
type Batch struct {
	// Records may be none: some offsets hold no record, a transaction's marker for example.
	Records []*kafka.Record
	// Next is the offset below which every record was delivered with this batch.
	Next int64

	bytes int64
}

// Batches delivers the partition's records in order. It is closed when the partition is revoked:
// the handler finishes what is in flight and returns.
func (a *Assignment) Batches() <-chan Batch { return a.batches }

// Closing is closed when the partition is revoked, for a handler that takes no batches for now.
func (a *Assignment) Closing() <-chan struct{} { return a.closing }

// Alive says whether the handler may act as the partition's owner: the partition was not taken
// away, and the last heartbeat is younger than half the session timeout (less for a static member).
func (a *Assignment) Alive() bool { return !a.over.Load() && a.alive() }

// Resolve marks offsets as finished. Any goroutine may call it. After the assignment it has no
// effect.
func (a *Assignment) Resolve(offsets ...int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, offset := range offsets {
		a.watermark.Resolve(offset)
	}
}

// errRewound is returned if the log has offsets again that were fetched before.
var errRewound = errors.New("the log went back: records after the last ones have lower offsets " +
	"(was the topic recreated, or truncated by an unclean election? `stockpush check` tells; `setup --new-log` declares a new one)")

// fetch is what a fetch returned of one partition.
type fetch struct {
	records []*kafka.Record
	// first is the first offset that was read, and next the one after the last. They may hold
	// no record.
	first, next int64
	// logEnd is the partition's last stable offset. Records from there on follow the start of
	// an open transaction.
	logEnd int64
	// letters is how many offsets, starting at first, get a dead letter, which resolves them.
	letters int64
}

// fetchOf returns a fetch of records, without the control records among them.
func fetchOf(all []*kafka.Record, logEnd int64) fetch {
	f := fetch{first: all[0].Offset, next: all[len(all)-1].Offset + 1, logEnd: logEnd}
	f.records = slices.DeleteFunc(all, func(r *kafka.Record) bool { return r.Attrs.IsControl() })
	return f
}

func (a *Assignment) track(f fetch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logEnd = f.logEnd
	if !a.fetched {
		a.watermark, a.known, a.fetched = watermark.New(f.first), true, true
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
	a.ages.of(a.watermark.Committable()) // forget what is resolved
	a.ages = append(a.ages, delivery{f.next - 1, time.Now()})
	return nil
}

// setBrokerEnd sets the end of the log that the broker reported.
func (a *Assignment) setBrokerEnd(end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.brokerEnd = end
}

// oldest returns when the oldest unresolved record was fetched; zero if there is none.
func (a *Assignment) oldest() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ages.of(a.watermark.Committable())
}

// Mark leaves a text for the partition's next owner, which finds it in its Backlog. It is
// committed together with the offset, so a handler calls it before it returns from a drain. If
// no record was fetched there is no commit, and so no mark.
func (a *Assignment) Mark(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mark = text
}

// Commit is what a group stores for a partition: the offset below which all is resolved, and
// the owner's mark.
type Commit struct {
	Offset int64
	Mark   string
}

// Committable returns what may be committed now; false before the first fetch.
func (a *Assignment) Committable() (at Commit, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Commit{a.watermark.Committable(), a.mark}, a.fetched
}

// Unresolved returns how many fetched records are not resolved.
func (a *Assignment) Unresolved() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watermark.Unresolved()
}

// LogEnd returns the partition's last stable offset as of the last fetch, up to which records can
// be read. It is 0 before the first fetch.
func (a *Assignment) LogEnd() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logEnd
}

// lag returns how many offsets below the log's end are not committable.
func (a *Assignment) lag() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		return 0
	}
	return max(0, max(a.logEnd, a.brokerEnd)-a.watermark.Committable())
}

// setStart sets the offset of the first fetch.
func (a *Assignment) setStart(at int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watermark.Skip(at)
	a.known = true
}

// position returns the next offset to fetch; false until it is known.
func (a *Assignment) position() (offset int64, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watermark.Next(), a.known
}

// ages are when batches were fetched, in their order.
type ages []delivery

// delivery is a batch: its last offset, and when it was fetched.
type delivery struct {
	last int64
	at   time.Time
}

// of returns when the batch of an offset was fetched; zero if no batch has it. It forgets the
// batches below, so offsets must not decrease.
func (a *ages) of(offset int64) time.Time {
	for len(*a) > 0 && (*a)[0].last < offset {
		*a = (*a)[1:]
	}
	if len(*a) == 0 {
		return time.Time{}
	}
	return (*a)[0].at
}
