package latest

// The lists that an entry can be in.
const (
	closeLink = iota
	touchLink
)

// links are an entry's neighbours in one list.
type links struct{ prev, next *Entry }

// list is a doubly linked list through the entries themselves, so that moving
// one allocates nothing.
type list struct {
	front, back *Entry
	link        int
}

func (l *list) pushBack(w *Entry) {
	w.links[l.link] = links{prev: l.back}
	if l.back == nil {
		l.front = w
	} else {
		l.back.links[l.link].next = w
	}
	l.back = w
}

func (l *list) remove(w *Entry) {
	n := w.links[l.link]
	if n.prev == nil {
		l.front = n.next
	} else {
		n.prev.links[l.link].next = n.next
	}
	if n.next == nil {
		l.back = n.prev
	} else {
		n.next.links[l.link].prev = n.prev
	}
	w.links[l.link] = links{}
}

func (l *list) moveToBack(w *Entry) {
	if l.back != w {
		l.remove(w)
		l.pushBack(w)
	}
}

// slab hands out entries from chunks: an allocation a thousand entries, and no
// slack of a doubled slice.
type slab struct {
	chunk []Entry
	free  *Entry
	// kept is how many are free.
	kept int
}

// chunkEntries are allocated together, and are the collector's together.
const chunkEntries = 1024

func (s *slab) take() *Entry {
	if w := s.free; w != nil {
		s.free = w.links[closeLink].next
		s.kept--
		w.links[closeLink].next = nil
		return w
	}
	if len(s.chunk) == 0 {
		s.chunk = make([]Entry, chunkEntries)
	}
	w := &s.chunk[0]
	s.chunk = s.chunk[1:]
	return w
}

// give keeps the entry and the capacity of its bytes for the next window.
func (s *slab) give(w *Entry) {
	*w = Entry{records: w.records[:0]}
	w.links[closeLink].next = s.free
	s.free = w
	s.kept++
}

// forget gives up what is free. An entry in use keeps its whole chunk, so those beside
// it must not lead to others.
func (s *slab) forget() {
	for w := s.free; w != nil; {
		next := w.links[closeLink].next
		*w = Entry{}
		w = next
	}
	*s = slab{}
}
