// Package sku has what the owner of a partition knows of one store SKU.
//
// It compares commands with that knowledge, and encodes it to and from schemas.State. It is pure:
// no clock, no goroutine, no I/O. Package lane decides what to do with a store SKU.
package sku

import (
	"bytes"
	"fmt"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// SKU is one store SKU. The partition's goroutine owns it.
type SKU struct {
	Key schemas.Key
	// Newest is the newest event, superseded repeats left out; nil if it is Last's, or unknown.
	Newest *Event
	// Sent is the position of the newest event that may have been sent, and SentQty its
	// quantity in units; zero if none was.
	Sent    schemas.Position
	SentQty int64
	// Confirmed is the last quantity that the channel confirmed, in units; nil if none. What it
	// points to never changes.
	Confirmed *int64
	// Readback is the pending read-back; nil if there is none.
	Readback *schemas.Readback
	// Last is the terminal record of the last finished event, as it was written; its position is
	// zero if there is none. If it is a shadow's, the channel never got the quantity.
	Last wire.PackedRecord

	// Waiting is the waiting push, InFlight the one in flight; nil for none.
	Waiting, InFlight *Push
	// Reading says that a read-back is in flight.
	Reading bool
	// Unsaved says that the state topic does not have Readback yet, or has an older state last.
	Unsaved bool
}

// Event is an encoded event with its position. It never changes.
type Event struct {
	schemas.Position
	Encoded []byte
}

// Decode decodes the event without its key.
func (e *Event) Decode() schemas.Event { return decode(schemas.Key{}, e.Encoded) }

// decode decodes an event that was decoded successfully before.
func decode(key schemas.Key, encoded []byte) schemas.Event {
	e, err := wire.UnpackEvent(key, encoded)
	if err != nil {
		panic(fmt.Sprintf("an event that was valid cannot be decoded: %v", err))
	}
	return e
}

// LastEvent decodes the last finished event. There must be one.
func (s *SKU) LastEvent() schemas.Event { return decode(s.Key, s.Last.PackedEvent()) }

// LastRecord decodes the record of the last finished event. There must be one.
func (s *SKU) LastRecord() schemas.Record {
	r, err := s.Last.Record(s.Key)
	if err != nil {
		panic(fmt.Sprintf("a record that was valid cannot be decoded: %v", err))
	}
	return r
}

// NewestPosition returns the position of the newest event; zero if none is known.
func (s *SKU) NewestPosition() schemas.Position {
	if s.Newest != nil {
		return s.Newest.Position
	}
	return s.Last.Position
}

// NewestEvent decodes the newest event. There must be one.
func (s *SKU) NewestEvent() schemas.Event {
	if s.Newest != nil {
		return decode(s.Key, s.Newest.Encoded)
	}
	return s.LastEvent()
}

// Push is the waiting or in-flight push of an event; nil if there is none.
func (s *SKU) Push(of schemas.Position) *Push {
	for _, p := range []*Push{s.Waiting, s.InFlight} {
		if p != nil && p.Position == of {
			return p
		}
	}
	return nil
}

// Idle says that no push waits or is in flight.
func (s *SKU) Idle() bool { return s.Waiting == nil && s.InFlight == nil }

// Judgement is what to do with a command, by what is known of its store SKU.
type Judgement uint8

// The judgements.
const (
	// Stands: it is the newest event and must be pushed.
	Stands Judgement = iota
	// FinishedAlready: it is the last finished event, so its record is written again.
	FinishedAlready
	// Duplicate: its push waits or is in flight already.
	Duplicate
	// Superseded: a newer event is known, or it repeats an event that news followed.
	Superseded
)

// Judge returns what to do with a command's event. A superseded repeat never becomes the newest
// event. The newest event without a push stands: an earlier worker died before it was finished.
func (s *SKU) Judge(e *schemas.Event) Judgement {
	newest := s.NewestPosition()
	switch {
	case e.Position == s.Last.Position:
		return FinishedAlready
	case s.Push(e.Position) != nil:
		return Duplicate
	case s.Last.Newer(e.Position):
		return Superseded
	case newest.IsZero(), e.Position == newest:
		return Stands
	case newest.Newer(e.Position), e.Repeats() && newest.Newer(repeated(e)):
		return Superseded
	default:
		return Stands
	}
}

// repeated returns the position of the event whose quantities an event repeats.
func repeated(e *schemas.Event) schemas.Position {
	return schemas.Position{LogID: e.Position.LogID, Partition: e.Position.Partition, Offset: e.RepeatsOffset}
}

// Finish sets the last record, unless it is already that of a newer event.
func (s *SKU) Finish(r wire.PackedRecord) {
	if s.Last.Newer(r.Position) {
		return
	}
	if s.Newest != nil && s.Newest.Position == r.Position {
		s.Newest = nil
	}
	s.Last = r
}

// Encode returns the state as a message of the state topic.
func (s *SKU) Encode() []byte {
	state := wire.PackedState{
		Key: s.Key.String(), Newest: s.Last.PackedEvent(), Confirmed: s.Confirmed, Readback: s.Readback, Sent: s.Sent, SentQty: s.SentQty, Finished: s.Last,
	}
	if s.Newest != nil {
		state.Newest = s.Newest.Encoded
	}
	return wire.EncodeState(&state)
}

// Restore sets the SKU to a state from the state topic. It copies what it retains.
func (s *SKU) Restore(state *wire.PackedState) {
	s.Newest, s.Last = nil, wire.PackedRecord{}
	s.Sent, s.SentQty, s.Confirmed, s.Readback = state.Sent, state.SentQty, state.Confirmed, state.Readback
	if len(state.Newest) > 0 {
		s.Newest = &Event{state.NewestAt, bytes.Clone(state.Newest)}
	}
	if !state.Finished.IsZero() {
		s.Finish(state.Finished)
		s.Last.Bytes = bytes.Clone(s.Last.Bytes)
	}
}

// KnowsMoreThan says whether an encoded state is older than this SKU, or cannot be decoded.
func (s *SKU) KnowsMoreThan(message []byte) bool {
	state, err := wire.SplitState(message)
	if s.NewestPosition().IsZero() || err == nil && state.Finished.Newer(s.Last.Position) {
		return false
	}
	return !bytes.Equal(message, s.Encode())
}
