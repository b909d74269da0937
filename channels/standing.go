package channels

import (
	"time"

	"stockpush/schemas"
)

// standing is what is known of a store SKU: schemas.State as it is kept in memory,
// packed as it came, since most store SKUs only wait to be asked for.
type standing struct {
	// key is the Kafka key.
	key string
	// newest is the newest event that stands; nil where it is the finished one, or there is none.
	newest *event
	// past is nil while nothing of it was sent or finished.
	past *past
}

// event is an event with what a lane asks of every one that waits. It never changes.
type event struct {
	schemas.Position
	itemID, modelID, qty int64
	// triggeredAt is in milliseconds of the Unix epoch.
	triggeredAt int64
	packed      []byte
}

func eventOf(e *schemas.Event, packed []byte) event {
	return event{
		Position: e.Position, itemID: e.ItemID, modelID: e.ModelID, qty: e.PushQty(),
		triggeredAt: e.TriggeredAt.UnixMilli(), packed: packed,
	}
}

// unpack reads all of an event but its key.
func (e *event) unpack() schemas.Event { return unpacked(e.packed) }

// unpacked reads an event that was read before.
func unpacked(packed []byte) schemas.Event {
	e, err := schemas.UnpackEvent(schemas.Key{}, packed)
	if err != nil {
		panic(err) // it could be read when it came
	}
	return e
}

// past is what became of earlier events of a store SKU.
type past struct {
	sent    schemas.Position
	sentQty int64
	// confirmed is the last quantity that the channel confirmed, noQty if none.
	confirmed int64
	readback  *schemas.Readback
	// at, status and record are those of the last finished event; at is zero if there is none.
	at     schemas.Position
	status schemas.Status
	record []byte
}

// noQty is a quantity that is not known.
const noQty int64 = -1

// history is the store SKU's past, begun where it has none.
func (s *standing) history() *past {
	if s.past == nil {
		s.past = &past{confirmed: noQty}
	}
	return s.past
}

func (s *standing) newestAt() schemas.Position {
	if s.newest != nil {
		return s.newest.Position
	}
	return s.finishedAt()
}

func (s *standing) finishedAt() (at schemas.Position) {
	if s.past != nil {
		at = s.past.at
	}
	return at
}

// newestEvent is the newest event that stands, which there must be.
func (s *standing) newestEvent() schemas.Event {
	if s.newest != nil {
		return s.newest.unpack()
	}
	return unpacked(s.lastEvent())
}

// lastEvent is the event of the last finished record, which there must be.
func (s *standing) lastEvent() []byte { return schemas.PackedEventOf(s.past.record) }

// last is the last finished record, which there must be.
func (s *standing) last() schemas.Record {
	r, err := schemas.PackedRecord{Bytes: s.past.record}.Record(schemas.Key{})
	if err != nil {
		panic(err) // it could be read when it came
	}
	return r
}

func (s *standing) readback() *schemas.Readback {
	if s.past == nil {
		return nil
	}
	return s.past.readback
}

// confirmed is the last quantity that the channel confirmed, nil if none.
func (s *standing) confirmed() *int64 {
	if s.past == nil || s.past.confirmed == noQty {
		return nil
	}
	qty := s.past.confirmed
	return &qty
}

// finished is a terminal record as it is written.
type finished struct {
	at     schemas.Position
	status schemas.Status
	record []byte
}

// finish takes a terminal record, unless one of a newer event is known.
func (s *standing) finish(f finished) {
	if s.finishedAt().Newer(f.at) {
		return
	}
	if s.newest != nil && s.newest.Position == f.at {
		s.newest = nil
	}
	p := s.history()
	p.at, p.status, p.record = f.at, f.status, f.record
}

// recordRoom is memory for n bytes of an event's terminal record: where there is enough,
// that of the record which it takes the place of. What was read from that is void then.
func (s *standing) recordRoom(at schemas.Position, n int) []byte {
	if s.past == nil || cap(s.past.record) < n || s.past.at.Newer(at) {
		return make([]byte, 0, n)
	}
	return s.past.record[:0]
}

// append appends what is written down to b.
func (s *standing) append(b []byte) []byte {
	state := schemas.PackedState{Key: s.key, Confirmed: s.confirmed(), Readback: s.readback()}
	if s.past != nil {
		state.Sent, state.SentQty = s.past.sent, s.past.sentQty
	}
	if !s.finishedAt().IsZero() {
		state.Finished = schemas.PackedRecord{Position: s.past.at, Event: s.lastEvent(), Bytes: s.past.record}
	}
	if s.newest != nil {
		state.Newest = s.newest.packed
	}
	return schemas.AppendPackedState(b, &state)
}

// restore takes what was written down, but for the key, and its memory; room is that of a past.
func (s *standing) restore(state *schemas.PackedState, room *past) error {
	s.newest, s.past = nil, nil
	if len(state.Newest) > 0 {
		e, err := schemas.UnpackEvent(schemas.Key{}, state.Newest)
		if err != nil {
			return err
		}
		newest := eventOf(&e, state.Newest)
		s.newest = &newest
	}
	if state.Sent.IsZero() && state.Confirmed == nil && state.Readback == nil && state.Finished.Position.IsZero() {
		return nil
	}
	*room = past{confirmed: noQty, sent: state.Sent, sentQty: state.SentQty, readback: state.Readback}
	s.past = room
	if state.Confirmed != nil {
		room.confirmed = *state.Confirmed
	}
	if !state.Finished.Position.IsZero() {
		s.finish(finished{state.Finished.Position, state.Finished.Status, state.Finished.Bytes})
	}
	return nil
}

// clock tells times as what passed since a lane began: half of a time.Time, of
// which a waiting push has two. It goes by the monotonic clock.
type clock struct{ began time.Time }

func (c clock) since(at time.Time) time.Duration { return at.Sub(c.began) }

func (c clock) at(since time.Duration) time.Time { return c.began.Add(since) }
