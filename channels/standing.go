package channels

import "stockpush/schemas"

// standing is what is known of a store SKU: schemas.State as it is kept in
// memory, where most of its events are shared with a push or a record, and
// those that there are none of take no room.
type standing struct {
	key schemas.Key
	// newest and finished are nil if there are none.
	newest    *schemas.Event
	finished  *schemas.Record
	sent      schemas.Position
	sentQty   int64
	confirmed *int64
	readback  *schemas.Readback
}

func (s *standing) newestAt() (at schemas.Position) {
	if s.newest != nil {
		at = s.newest.Position
	}
	return at
}

func (s *standing) finishedAt() (at schemas.Position) {
	if s.finished != nil {
		at = s.finished.Position
	}
	return at
}

// finish takes a terminal record, unless one of a newer event is known.
func (s *standing) finish(r *schemas.Record) {
	if s.finishedAt().Newer(r.Position) {
		return
	}
	s.finished = r
	if s.newest == nil || s.newest.Position == r.Position {
		s.newest = &r.Event
	}
}

// state is what is written down.
func (s *standing) state() *schemas.State {
	state := &schemas.State{Key: s.key, Sent: s.sent, SentQty: s.sentQty, Confirmed: s.confirmed, Readback: s.readback}
	state.Newest.RepeatsOffset = schemas.NoOffset
	if s.newest != nil {
		state.Newest = *s.newest
	}
	if s.finished != nil {
		state.Finished = *s.finished
	}
	return state
}

// restore takes what was written down.
func (s *standing) restore(state *schemas.State) {
	*s = standing{key: state.Key, sent: state.Sent, sentQty: state.SentQty, confirmed: state.Confirmed, readback: state.Readback}
	if !state.Newest.Position.IsZero() {
		newest := state.Newest
		s.newest = &newest
	}
	if !state.Finished.Position.IsZero() {
		last := state.Finished
		s.finish(&last)
	}
}
