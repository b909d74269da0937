package latest

// order is one of the two orders in which open windows are linked.
type order int

const (
	byOpening order = iota
	byTouch
	orders
)

// neighbours are those of a window in one order. Between the last and the first window lies the
// entry ends of the buffer, so every window has both. Links within the entries allocate nothing.
type neighbours struct{ prev, next *Entry }

func (b *Buffer) pushBack(w *Entry, o order) {
	last := b.ends.near[o].prev
	w.near[o] = neighbours{last, &b.ends}
	last.near[o].next, b.ends.near[o].prev = w, w
}

func (w *Entry) unlink(o order) {
	n := w.near[o]
	n.prev.near[o].next, n.next.near[o].prev = n.next, n.prev
}

// front is the first window; nil if none is open.
func (b *Buffer) front(o order) *Entry {
	if w := b.ends.near[o].next; w != &b.ends {
		return w
	}
	return nil
}
