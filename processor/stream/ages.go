package stream

import "time"

// ages remembers when batches were fetched. It is pure.
type ages struct{ batches []delivery }

// delivery is a batch: its last offset, and when it was fetched.
type delivery struct {
	last int64
	at   time.Time
}

func (a *ages) delivered(last int64, at time.Time) {
	a.batches = append(a.batches, delivery{last, at})
}

// of returns when the batch of an offset was fetched; zero if no batch has it. It forgets the
// batches below, so offsets must not decrease.
func (a *ages) of(offset int64) time.Time {
	n := 0
	for n < len(a.batches) && a.batches[n].last < offset {
		n++
	}
	a.batches = a.batches[n:]
	if len(a.batches) == 0 {
		return time.Time{}
	}
	return a.batches[0].at
}
