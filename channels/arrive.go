package channels

import "stockpush/schemas"

// arrival is what a command is, judged by what is known of its store SKU.
type arrival uint8

const (
	// stands: it is the newest event; push it.
	stands arrival = iota
	// finishedAlready: it is the last finished one; answer with its record again.
	finishedAlready
	// repeated: it waits or flies already.
	repeated
	// loses: something newer stands, or it only repeats and news came after.
	loses
)

// judge decides about a command. The newest event is the newest that stands;
// events that only repeated and lost never get there.
func (s *standing) judge(e *schemas.Event) arrival {
	newest, last := s.newestAt(), s.finishedAt()
	switch {
	case e.Position == last:
		return finishedAlready
	case last.Newer(e.Position):
		return loses
	case newest.IsZero():
		return stands
	case e.Position == newest:
		return repeated
	case newest.Newer(e.Position):
		return loses
	case e.Repeats() && newest.Newer(repeatedPosition(e)):
		return loses
	default:
		return stands
	}
}

// arrival judges a command. One that the state knows to be the newest and that
// nobody has stands: an earlier worker died with it, after the state was written
// down with something older that was finished.
func (s *storeSKU) arrival(e *schemas.Event) arrival {
	is := s.judge(e)
	if is == repeated && s.push(e.Position) == nil {
		return stands
	}
	return is
}

// repeatedPosition is where the record lies whose quantities an event repeats.
func repeatedPosition(e *schemas.Event) schemas.Position {
	return schemas.Position{LogID: e.Position.LogID, Partition: e.Position.Partition, Offset: e.RepeatsOffset}
}
