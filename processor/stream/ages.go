package stream

import "time"

// ages remembers when batches were delivered, so that the age of the oldest
// record that is stuck can be told. It is pure.
type ages struct{ batches []delivery }

// delivery is a batch: its last offset, and when it came.
type delivery struct {
	last int64
	at   time.Time
}

func (a *ages) delivered(last int64, at time.Time) {
	a.batches = append(a.batches, delivery{last, at})
}

// of is when the batch with an offset came; batches below it are forgotten, so
// offsets must not go back. Zero if no batch has it.
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
