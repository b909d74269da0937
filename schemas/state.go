package schemas

import "time"

// State is what a store SKU should show and what is known of it. Its shop's
// worker writes it to the state topic and restores it before it pushes.
type State struct {
	Key Key
	// Newest is the newest event, superseded repeats left out; zero Position if none.
	Newest Event
	// Sent is the position of the newest event that may have been sent, and SentQty its quantity.
	Sent    Position
	SentQty int64
	// Confirmed is the last quantity that the channel confirmed, nil if none.
	Confirmed *int64
	// Readback is the pending read-back; nil if none.
	Readback *Readback
	// Finished is the terminal record of the last finished command; zero Position if none.
	Finished Record
}

// Stale says whether another message of the same store SKU knows more. A worker
// that lost its partition may write late: the last message is not always the newest.
func (s *State) Stale(other *State) bool { return other.Finished.Position.Newer(s.Finished.Position) }

// Readback is a pending read-back of a model: the outcome of earlier requests is unknown, and
// they may still be applied.
type Readback struct {
	ItemID, ModelID int64
	// Lost are the quantities of those requests, each once, in the order in which they were
	// given up.
	Lost []int64
	// BeforeQty is the quantity shown before the last of them; nil if unknown.
	BeforeQty *int64
	// NotBefore is the earliest time at which a read counts.
	NotBefore time.Time
}
