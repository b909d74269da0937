package retry

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

const (
	// claimedFor is how long a failure's retry counts as on its way: ample for its
	// record to show in ClickHouse, from where on the views leave the failure out.
	claimedFor = time.Minute
	// rememberedFor is how long the store SKUs of published events are known.
	rememberedFor = time.Hour
	// maxRemembered bounds them, at some 200 bytes each.
	maxRemembered = 4 * MaxEvents
)

// journal remembers what this process published: so that a second request leaves
// out what is on its way, and so that outcomes are looked up by store SKU.
// Another process's requests it does not know; those the log's rule sorts out.
type journal struct {
	mu      sync.Mutex
	claimed map[failure]time.Time
	keys    map[string]schemas.Key
	// order are the published events, oldest first.
	order []published
}

type published struct {
	id string
	at time.Time
}

func newJournal() journal {
	return journal{claimed: map[failure]time.Time{}, keys: map[string]schemas.Key{}}
}

func (j *journal) has(f failure) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.held(f)
}

func (j *journal) held(f failure) bool {
	at, ok := j.claimed[f]
	return ok && time.Since(at) < claimedFor
}

func (j *journal) claim(f failure) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held(f) {
		return false
	}
	j.claimed[f] = time.Now()
	return true
}

// release gives failures back that were claimed for nothing.
func (j *journal) release(events []repeat) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range events {
		delete(j.claimed, events[i].of)
	}
}

// remember keeps the store SKUs of published events, and forgets what is old.
func (j *journal) remember(events []repeat) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	for i := range events {
		j.keys[events[i].event.EventID] = events[i].event.Key
		j.order = append(j.order, published{events[i].event.EventID, now})
	}
	for len(j.order) > maxRemembered || len(j.order) > 0 && now.Sub(j.order[0].at) > rememberedFor {
		delete(j.keys, j.order[0].id)
		j.order = j.order[1:]
	}
	for f, at := range j.claimed {
		if now.Sub(at) >= claimedFor {
			delete(j.claimed, f)
		}
	}
}

// find are the events that are known, with their store SKUs, and those that are not.
func (j *journal) find(eventIDs []string) (known pushrecords.Events, unknown []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range eventIDs {
		if key, ok := j.keys[id]; ok {
			known.IDs, known.Keys = append(known.IDs, id), append(known.Keys, key)
		} else {
			unknown = append(unknown, id)
		}
	}
	known.Since = bornAfter(known.IDs)
	return known, unknown
}

// keyOf is an event's store SKU, if it is known.
func (j *journal) keyOf(eventID string) (schemas.Key, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key, ok := j.keys[eventID]
	return key, ok
}

// clocksDiffer is ample for how far this machine's clock is from the brokers',
// which say when an event was triggered.
const clocksDiffer = time.Hour

// bornAfter is a time before which none of the events was triggered, by the time
// in the ids that a Retrier gives; zero if an id is not of that kind.
func bornAfter(eventIDs []string) time.Time {
	var oldest time.Time
	for _, text := range eventIDs {
		at, ok := bornAt(text[:min(len(text), batchBytes)])
		if !ok {
			return time.Time{}
		}
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	if oldest.IsZero() {
		return oldest
	}
	return oldest.Add(-clocksDiffer)
}

// batchBytes is the length of a batch's name, with which its events' ids begin.
const batchBytes = 36

// bornAt is when a batch was made.
func bornAt(batch string) (time.Time, bool) {
	id, err := uuid.Parse(batch)
	if err != nil || len(batch) != batchBytes || id.Version() != 7 {
		return time.Time{}, false
	}
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec), true
}
