package promotions

import (
	"slices"
	"time"

	"stockpush/cmd/internal/pushrecords"
)

const (
	// settle is how long a message waits for others of its item, and for the
	// failure that it speaks of to show in ClickHouse.
	settle = 3 * time.Second
	// gap is how long an item is left alone after it was looked at, since a flash
	// sale sends a message for each order.
	gap = time.Minute
	// maxItems bounds what waits, at some 100 bytes each.
	maxItems = 100_000
	// maxItemsAtOnce is how many items one question names.
	maxItemsAtOnce = 1000
)

// items are those that messages told of, each once. It is pure: no clock, no lock.
type items struct {
	due    map[pushrecords.Item]time.Time
	looked map[pushrecords.Item]time.Time
}

func newItems() items {
	return items{due: map[pushrecords.Item]time.Time{}, looked: map[pushrecords.Item]time.Time{}}
}

// note lets an item wait; false if there are too many.
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

// take are the items whose time has come, some of them if they are many, and
// forgets those that were looked at long ago.
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

// again lets items wait once more that could not be looked at.
func (w *items) again(all []pushrecords.Item, now time.Time) {
	for _, i := range all {
		delete(w.looked, i)
		w.note(i, now)
	}
}
