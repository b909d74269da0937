package sku

import "stockpush/schemas"

// Judgement is what a command is, judged by what is known of its store SKU.
type Judgement uint8

// The judgements.
const (
	// Stands: it is the newest event, so it is to be pushed.
	Stands Judgement = iota
	// FinishedAlready: it is the last finished event, so its record is written again.
	FinishedAlready
	// Duplicate: its push waits or is in flight already.
	Duplicate
	// Superseded: a newer event stands, or it only repeats an event that news followed.
	Superseded
)

// Judge judges a command's event. The newest event is the newest that is news: an event
// that only repeats and lost never becomes it. An event that is known to be the newest and
// has no push stands: an earlier worker died with it.
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

// repeated is the position of the record whose quantities an event repeats.
func repeated(e *schemas.Event) schemas.Position {
	return schemas.Position{LogID: e.Position.LogID, Partition: e.Position.Partition, Offset: e.RepeatsOffset}
}
