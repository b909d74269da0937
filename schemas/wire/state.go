package wire

import (
	"bytes"
	"fmt"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// PackedState is a State whose event and record are packed; they share the memory of
// the message that it was read from.
type PackedState struct {
	// Key is the Kafka key.
	Key string
	// Newest is empty if there is none. SplitState also leaves it empty if it is Finished's event.
	Newest   []byte
	NewestAt schemas.Position
	Sent     schemas.Position
	SentQty  int64
	// Confirmed and Readback are as in State.
	Confirmed *int64
	Readback  *schemas.Readback
	// Finished has a zero Position if there is none.
	Finished PackedRecord
}

// stateRoom has room for what a state holds beside its key, event and record, in bytes.
const stateRoom = 64

// EncodeState returns a state as a message of the state topic.
func EncodeState(s *PackedState) []byte {
	b := make([]byte, 0, len(s.Key)+len(s.Newest)+len(s.Finished.Bytes)+stateRoom)
	b = protobuf.PutText(append(b, formatVersion), 1, s.Key)
	if len(s.Newest) > 0 {
		b = protobuf.PutBytes(b, 2, s.Newest)
	}
	if !s.Sent.IsZero() {
		var room [32]byte
		sent := schemas.Event{Position: s.Sent, RepeatsOffset: schemas.NoOffset}
		b = protobuf.PutInt(protobuf.PutBytes(b, 3, PackEvent(room[:0], &sent)), 4, s.SentQty)
	}
	b = protobuf.PutOptional(b, 5, s.Confirmed)
	if s.Readback != nil {
		b = protobuf.PutBytes(b, 6, packReadback(s.Readback))
	}
	if !s.Finished.IsZero() {
		b = protobuf.PutBytes(b, 7, s.Finished.Bytes)
	}
	return b
}

func packReadback(r *schemas.Readback) []byte {
	b := protobuf.PutUint(nil, 1, uint64(r.ItemID))
	b = protobuf.PutUint(b, 2, uint64(r.ModelID))
	for _, qty := range r.Lost { // a reader that knows only one takes the last
		b = protobuf.PutInt(b, 3, qty)
	}
	b = protobuf.PutOptional(b, 4, r.BeforeQty)
	return protobuf.PutTime(b, 5, r.NotBefore)
}

// DecodeState reads a message of the state topic.
func DecodeState(message []byte) (schemas.State, error) {
	p, err := SplitState(message)
	if err != nil {
		return schemas.State{}, err
	}
	s := schemas.State{
		Newest: schemas.Event{RepeatsOffset: schemas.NoOffset}, Sent: p.Sent, SentQty: p.SentQty, Confirmed: p.Confirmed, Readback: p.Readback,
		Finished: schemas.RecordOf(schemas.Event{RepeatsOffset: schemas.NoOffset}, 0),
	}
	if s.Key, err = schemas.ParseKey(p.Key); err != nil {
		return schemas.State{}, fmt.Errorf("state: %w", err)
	}
	newest := p.Newest
	if len(newest) == 0 && p.NewestAt == p.Finished.Position {
		newest = p.Finished.PackedEvent()
	}
	if !p.NewestAt.IsZero() {
		s.Newest, err = UnpackEvent(s.Key, newest)
	}
	if err == nil && !p.Finished.IsZero() {
		s.Finished, err = p.Finished.Record(s.Key)
	}
	if err != nil {
		return schemas.State{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// SplitState reads a message of the state topic except its event and its record.
func SplitState(message []byte) (PackedState, error) {
	var s PackedState
	r := fields(message)
	for r.Next() {
		r.Stop(s.take(&r.Field))
	}
	if r.Err == nil {
		r.Err = s.settle()
	}
	if r.Err != nil {
		return PackedState{}, fmt.Errorf("state: %w", r.Err)
	}
	return s, nil
}

// settle sets NewestAt, after all fields were read.
func (s *PackedState) settle() (err error) {
	switch {
	case s.Key == "":
		return fmt.Errorf("no key")
	case len(s.Newest) == 0:
	case bytes.Equal(s.Newest, s.Finished.PackedEvent()):
		s.Newest, s.NewestAt = nil, s.Finished.Position
	default:
		s.NewestAt, _, err = eventAt(s.Newest)
	}
	return err
}

func (s *PackedState) take(f *protobuf.Field) (err error) {
	switch f.Num {
	case 1:
		s.Key = f.Text()
	case 2:
		s.Newest = f.Bytes
	case 3:
		s.Sent, _, err = eventAt(f.Bytes)
	case 4:
		s.SentQty = f.Int()
	case 5:
		s.Confirmed = f.Optional()
	case 6:
		s.Readback = new(schemas.Readback)
		err = setEach(s.Readback, f.Bytes, setReadback)
	case 7:
		s.Finished, err = SplitRecord(f.Bytes)
	}
	return err
}

func setReadback(r *schemas.Readback, f *protobuf.Field) {
	switch f.Num {
	case 1:
		r.ItemID = int64(f.Value)
	case 2:
		r.ModelID = int64(f.Value)
	case 3:
		r.Lost = append(r.Lost, f.Int())
	case 4:
		r.BeforeQty = f.Optional()
	case 5:
		r.NotBefore = f.Time()
	}
}
