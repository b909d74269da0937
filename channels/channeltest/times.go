package channeltest

import (
	"slices"
	"sync"
	"time"
)

// Times keeps when calls were received. It is safe for concurrent use.
type Times struct {
	mu    sync.Mutex
	all   []time.Time
	shops map[int64][]time.Time
}

// Add notes a call of a shop.
func (t *Times) Add(shopID int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.shops == nil {
		t.shops = map[int64][]time.Time{}
	}
	t.all, t.shops[shopID] = append(t.all, now), append(t.shops[shopID], now)
}

// All are the times of all calls.
func (t *Times) All() []time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

// Of are the times of a shop's calls.
func (t *Times) Of(shopID int64) []time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.shops[shopID])
}

// MostIn is the most calls within any span of that length.
func (t *Times) MostIn(span time.Duration) int { return Most(t.All(), span) }

// Most is the most times within any span of that length.
func Most(times []time.Time, span time.Duration) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
