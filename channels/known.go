package channels

import (
	"iter"
	"time"
)

// known is what a store SKU is found by: itself, or what it is packed as while it rests.
type known struct {
	// next is the next one in a ring.
	next    *known
	sku     *storeSKU
	resting resting
}

// newKnown is a store SKU of which nothing is known but its Kafka key.
func newKnown(key string) *known {
	k := &known{}
	k.sku = &storeSKU{standing: standing{key: key}, known: k}
	return k
}

// awake is the store SKU, which rests no longer.
func (k *known) awake() *storeSKU {
	if k.sku == nil {
		k.sku, k.resting = k.resting.open(), resting{}
		k.sku.known = k
	}
	return k.sku
}

// rest packs a store SKU that may rest, by way of memory that it returns.
func (k *known) rest(room []byte) []byte {
	k.resting, room = k.sku.atRest(room)
	k.sku = nil
	return room
}

// notBefore is that of the push that waits, which there must be.
func (k *known) notBefore() time.Duration {
	if k.sku != nil {
		return k.sku.waiting.notBefore
	}
	notBefore, _ := k.resting.waits()
	return notBefore
}

// queuedAt is that of the push that waits, which there must be.
func (k *known) queuedAt() int64 {
	if k.sku != nil {
		return k.sku.waiting.queuedAt
	}
	_, queuedAt := k.resting.waits()
	return queuedAt
}

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
