package channels

import "iter"

// ring is store SKUs in their order, each in one ring at most. It takes no memory beside them.
type ring struct{ last *known }

func (r *ring) empty() bool { return r.last == nil }

func (r *ring) add(k *known) {
	if r.last == nil {
		k.next = k
	} else {
		k.next, r.last.next = r.last.next, k
	}
	r.last = k
}

// all are those in the ring. One that was given out may go elsewhere.
func (r *ring) all() iter.Seq[*known] {
	return func(yield func(*known) bool) {
		last := r.last
		if last == nil {
			return
		}
		for k := last.next; ; {
			next, end := k.next, k == last
			if !yield(k) || end {
				return
			}
			k = next
		}
	}
}

// drop takes those out that go.
func (r *ring) drop(goes func(*known) bool) {
	all := ring{r.last}
	r.last = nil
	for k := range all.all() {
		k.next = nil
		if !goes(k) {
			r.add(k)
		}
	}
}

// count is how many there are, or most where there are more.
func (r *ring) count(most int) int {
	n := 0
	for range r.all() {
		if n == most {
			break
		}
		n++
	}
	return n
}
