package retry

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

const (
	// reservedFor is how long a failure stays reserved. It is longer than its new record takes to
	// show in ClickHouse, after which the views leave the failure out.
	reservedFor = time.Minute
	// rememberedFor is how long the store SKUs of published events are remembered.
	rememberedFor = time.Hour
	// maxRemembered limits them; each takes about 200 bytes.
	maxRemembered = 4 * MaxEvents
)

// journal remembers what this process published, so that a second request leaves out pending
// retries and outcomes can be looked up by store SKU. Requests of other processes are unknown here;
// the rule of repeats_offset makes their events harmless.
type journal struct {
	mu       sync.Mutex
	reserved map[failure]time.Time
	keys     map[string]schemas.Key
	// order are the published events, oldest first.
	order []published
}

type published struct {
	id string
	at time.Time
}

func newJournal() journal {
	return journal{reserved: map[failure]time.Time{}, keys: map[string]schemas.Key{}}
}

func (j *journal) has(f failure) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.held(f)
}

func (j *journal) held(f failure) bool {
	at, ok := j.reserved[f]
	return ok && time.Since(at) < reservedFor
}

func (j *journal) reserve(f failure) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held(f) {
		return false
	}
	j.reserved[f] = time.Now()
	return true
}

// release ends the reservation of failures that were not published.
func (j *journal) release(events []repeat) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range events {
		delete(j.reserved, events[i].of)
	}
}

// remember stores the store SKUs of published events and drops old ones.
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
	for f, at := range j.reserved {
		if now.Sub(at) >= reservedFor {
			delete(j.reserved, f)
		}
	}
}

// find splits event ids into known ones, with their store SKUs, and unknown ones.
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

// keyOf returns an event's store SKU, if known.
func (j *journal) keyOf(eventID string) (schemas.Key, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key, ok := j.keys[eventID]
	return key, ok
}

// clocksDiffer is the maximum clock difference between this machine and the brokers, which set the
// trigger time.
const clocksDiffer = time.Hour

// bornAfter returns a lower bound of the events' trigger times from the times in their ids; zero if
// an id has none.
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

// batchBytes is the length of a batch's name.
const batchBytes = 36

// bornAt returns when a batch was created.
func bornAt(batch string) (time.Time, bool) {
	id, err := uuid.Parse(batch)
	if err != nil || len(batch) != batchBytes || id.Version() != 7 {
		return time.Time{}, false
	}
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec), true
}
