package promotions

import (
	"slices"
	"time"

	"stockpush/cmd/internal/pushrecords"
)

const (
	// settle is how long a message waits for others of its item, and for its failure to show in
	// ClickHouse.
	settle = 3 * time.Second
	// gap is the minimum time between two lookups of one item, because a flash sale sends a message
	// per order.
	gap = time.Minute
	// maxItems limits the waiting items; each takes about 100 bytes.
	maxItems = 100_000
	// maxItemsAtOnce is how many items one query names.
	maxItemsAtOnce = 1000
)

// items are the items that messages named, each once. It is pure: it has no clock and no lock.
type items struct {
	due    map[pushrecords.Item]time.Time
	looked map[pushrecords.Item]time.Time
}

func newItems() items {
	return items{due: map[pushrecords.Item]time.Time{}, looked: map[pushrecords.Item]time.Time{}}
}

// note adds an item. It returns false if too many wait.
func (w *items) note(i pushrecords.Item, now time.Time) bool {
	if _, waits := w.due[i]; waits {
		return true
	}
	if len(w.due) == maxItems {
		return false
	}
	at := now.Add(settle)
	if looked, ok := w.looked[i]; ok && looked.Add(gap).After(at) {
		at = looked.Add(gap)
	}
	w.due[i] = at
	return true
}

// take removes and returns due items, up to a limit, and forgets those looked up long ago.
func (w *items) take(now time.Time) (taken []pushrecords.Item) {
	for i, at := range w.looked {
		if now.Sub(at) >= gap {
			delete(w.looked, i)
		}
	}
	for i, at := range w.due {
		if !at.After(now) && len(taken) < maxItemsAtOnce {
			taken = append(taken, i)
			delete(w.due, i)
			w.looked[i] = now
		}
	}
	slices.SortFunc(taken, pushrecords.Item.Compare)
	return taken
}

// again adds items again that could not be looked up.
func (w *items) again(all []pushrecords.Item, now time.Time) {
	for _, i := range all {
		delete(w.looked, i)
		w.note(i, now)
	}
}
