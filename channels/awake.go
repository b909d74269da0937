package channels

import "time"

// restAfter is for how long nothing comes of a store SKU before it rests. One that is pushed
// in window after window is not packed and opened each time.
const restAfter = 2 * time.Second

// manyAwake is how many store SKUs of a partition are awake when others that wait rest at
// once: commands come faster than pushes go.
const manyAwake = 4096

// restLater lets a store SKU that may rest do so when nothing comes of it for a while. One
// that may not is asked again when its state was written.
func (w *worker) restLater(s *storeSKU) {
	if !s.mayRest() {
		return
	}
	s.used = true
	if s.listed {
		return
	}
	if s.waiting != nil && len(w.awake) >= manyAwake {
		w.rest(s)
		return
	}
	s.listed = true
	if len(w.awake) == 0 {
		w.rests.Reset(restAfter)
	}
	w.awake = append(w.awake, s)
}

// restUnused lets those rest of which nothing came since the last time.
func (w *worker) restUnused() {
	kept := w.awake[:0]
	for _, s := range w.awake {
		if s.used {
			s.used = false
			kept = append(kept, s)
			continue
		}
		s.listed = false
		w.rest(s)
	}
	clear(w.awake[len(kept):])
	w.awake = kept
	if len(kept) > 0 {
		w.rests.Reset(restAfter)
	}
}

// rest packs a store SKU of which nothing is under way or owed, until something comes of
// it. Nobody else has it: not a lane, not a parcel, not the list of those awake.
func (w *worker) rest(s *storeSKU) {
	if !s.mayRest() {
		return
	}
	if s.lane != nil {
		delete(s.lane.owed, s)
	}
	w.pack(s.known)
}

// pack keeps what may rest as one piece of memory.
func (w *worker) pack(k *known) {
	w.room = k.rest(w.room)
	w.skus[k.resting.key()] = k // the map takes the new key, whose memory is that of what rests
}
