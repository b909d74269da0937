package schemas

import "fmt"

// AppendState appends a state as a message of the state topic to b.
func AppendState(b []byte, s *State) []byte {
	var room [256]byte
	b = append(b, formatVersion)
	b = putText(b, 1, s.Key.String())
	if !s.Newest.Position.IsZero() {
		b = putBytes(b, 2, PackEvent(room[:0], &s.Newest))
	}
	if !s.Sent.IsZero() {
		sent := Event{Position: s.Sent, RepeatsOffset: NoOffset}
		b = putInt(putBytes(b, 3, PackEvent(room[:0], &sent)), 4, s.SentQty)
	}
	b = putOptional(b, 5, s.Confirmed)
	if s.Readback != nil {
		b = putBytes(b, 6, packReadback(s.Readback))
	}
	if !s.Finished.Position.IsZero() {
		var record [768]byte
		b = putBytes(b, 7, appendRecord(record[:0], PackEvent(room[:0], &s.Finished.Event), &s.Finished))
	}
	return b
}

func packReadback(r *Readback) []byte {
	b := putUint(nil, 1, uint64(r.ItemID))
	b = putUint(b, 2, uint64(r.ModelID))
	for _, qty := range r.Lost { // a reader that knows of one takes the last
		b = putInt(b, 3, qty)
	}
	b = putOptional(b, 4, r.BeforeQty)
	return putTime(b, 5, r.NotBefore)
}

// DecodeState reads a message of the state topic. Its texts share the message's memory.
func DecodeState(message []byte) (State, error) {
	rest, err := body(message)
	if err != nil {
		return State{}, err
	}
	s := State{Newest: Event{RepeatsOffset: NoOffset}, Finished: RecordOf(Event{RepeatsOffset: NoOffset}, 0)}
	if err := fields(rest, s.takeField); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	if s.Key.Channel == "" {
		return State{}, fmt.Errorf("state: no key")
	}
	return s, nil
}

func (s *State) takeField(f field) (err error) {
	switch f.num {
	case 1:
		s.Key, err = ParseKey(f.text())
	case 2:
		s.Newest, err = UnpackEvent(s.Key, f.bytes)
	case 3:
		var sent Event
		sent, err = UnpackEvent(s.Key, f.bytes)
		s.Sent = sent.Position
	case 4:
		s.SentQty = f.int()
	case 5:
		s.Confirmed = f.optional()
	case 6:
		s.Readback = new(Readback)
		err = fields(f.bytes, s.Readback.takeField)
	case 7:
		err = fields(f.bytes, func(f field) error { return s.Finished.decode(s.Key, f.bytes) })
	}
	return err
}

func (r *Readback) takeField(f field) error {
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
	return nil
}
