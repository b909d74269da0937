package schemas

import (
	"bytes"
	"fmt"
	"slices"
)

// PackedState is a State whose event and record are packed; they share the memory of
// the message that it was read from.
type PackedState struct {
	// Key is the Kafka key.
	Key string
	// Newest is empty if there is none, or if it is Finished's event.
	Newest   []byte
	NewestAt Position
	Sent     Position
	SentQty  int64
	// Confirmed and Readback are as in State.
	Confirmed *int64
	Readback  *Readback
	// Finished has a zero Position if there is none.
	Finished PackedRecord
}

// stateRoom has room for what a state holds beside its key, event and record, in bytes.
const stateRoom = 64

// AppendPackedState appends a state as a message of the state topic to b.
func AppendPackedState(b []byte, s *PackedState) []byte {
	newest := s.Newest
	if len(newest) == 0 {
		newest = s.Finished.Event
	}
	b = slices.Grow(b, len(s.Key)+len(newest)+len(s.Finished.Bytes)+stateRoom)
	b = putText(append(b, formatVersion), 1, s.Key)
	if len(newest) > 0 {
		b = putBytes(b, 2, newest)
	}
	if !s.Sent.IsZero() {
		var room [32]byte
		sent := Event{Position: s.Sent, RepeatsOffset: NoOffset}
		b = putInt(putBytes(b, 3, PackEvent(room[:0], &sent)), 4, s.SentQty)
	}
	b = putOptional(b, 5, s.Confirmed)
	if s.Readback != nil {
		b = putBytes(b, 6, packReadback(s.Readback))
	}
	if !s.Finished.Position.IsZero() {
		b = putBytes(b, 7, s.Finished.Bytes)
	}
	return b
}

func packReadback(r *Readback) []byte {
	b := putUint(nil, 1, uint64(r.ItemID))
	b = putUint(b, 2, uint64(r.ModelID))
	for _, qty := range r.Lost { // a reader that knows only one takes the last
		b = putInt(b, 3, qty)
	}
	b = putOptional(b, 4, r.BeforeQty)
	return putTime(b, 5, r.NotBefore)
}

// DecodeState reads a message of the state topic.
func DecodeState(message []byte) (State, error) {
	p, err := SplitState(message)
	if err != nil {
		return State{}, err
	}
	s := State{
		Newest: Event{RepeatsOffset: NoOffset}, Sent: p.Sent, SentQty: p.SentQty, Confirmed: p.Confirmed, Readback: p.Readback,
		Finished: RecordOf(Event{RepeatsOffset: NoOffset}, 0),
	}
	if s.Key, err = ParseKey(p.Key); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	newest := p.Newest
	if len(newest) == 0 && p.NewestAt == p.Finished.Position {
		newest = p.Finished.Event
	}
	if !p.NewestAt.IsZero() {
		s.Newest, err = UnpackEvent(s.Key, newest)
	}
	if err == nil && !p.Finished.Position.IsZero() {
		s.Finished, err = p.Finished.Record(s.Key)
	}
	if err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// SplitState reads a message of the state topic except its event and its record.
func SplitState(message []byte) (PackedState, error) {
	tail, err := body(message)
	if err != nil {
		return PackedState{}, err
	}
	var s PackedState
	r := reader{tail: tail}
	for r.next() {
		r.stop(s.take(&r.field))
	}
	if r.err == nil {
		r.err = s.settle()
	}
	if err = r.err; err != nil {
		return PackedState{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// settle sets NewestAt, after all fields were read.
func (s *PackedState) settle() (err error) {
	switch {
	case s.Key == "":
		return fmt.Errorf("no key")
	case len(s.Newest) == 0:
	case bytes.Equal(s.Newest, s.Finished.Event):
		s.Newest, s.NewestAt = nil, s.Finished.Position
	default:
		s.NewestAt, _, err = eventAt(s.Newest)
	}
	return err
}

func (s *PackedState) take(f *field) (err error) {
	switch f.num {
	case 1:
		s.Key = f.text()
	case 2:
		s.Newest = f.bytes
	case 3:
		s.Sent, _, err = eventAt(f.bytes)
	case 4:
		s.SentQty = f.int()
	case 5:
		s.Confirmed = f.optional()
	case 6:
		s.Readback = new(Readback)
		err = setEach(s.Readback, f.bytes, setReadback)
	case 7:
		s.Finished, err = SplitRecord(f.bytes)
	}
	return err
}

func setReadback(r *Readback, f *field) {
	switch f.num {
	case 1:
		r.ItemID = int64(f.value)
	case 2:
		r.ModelID = int64(f.value)
	case 3:
		r.Lost = append(r.Lost, f.int())
	case 4:
		r.BeforeQty = f.optional()
	case 5:
		r.NotBefore = f.time()
	}
}
