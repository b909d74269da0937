package latest

// The lists that an entry can be in.
const (
	closeLink = iota
	touchLink
)

// neighbours are those of an entry in one list.
type neighbours struct{ prev, next *Entry }

// list is a doubly linked list through the entries themselves, so that moving
// one allocates nothing.
type list struct {
	front, back *Entry
	link        int
}

func (l *list) pushBack(w *Entry) {
	w.near[l.link] = neighbours{prev: l.back}
	if l.back == nil {
		l.front = w
	} else {
		l.back.near[l.link].next = w
	}
	l.back = w
}

func (l *list) remove(w *Entry) {
	n := w.near[l.link]
	if n.prev == nil {
		l.front = n.next
	} else {
		n.prev.near[l.link].next = n.next
	}
	if n.next == nil {
		l.back = n.prev
	} else {
		n.next.near[l.link].prev = n.prev
	}
	w.near[l.link] = neighbours{}
}

func (l *list) moveToBack(w *Entry) {
	if l.back != w {
		l.remove(w)
		l.pushBack(w)
	}
}
