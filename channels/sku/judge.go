package sku

import "stockpush/schemas"

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
