package schemas

import "time"

// State is what a store SKU should show and what is known of it. Its shop's
// worker writes it to the state topic and restores it before it pushes.
type State struct {
	Key Key
	// Newest is the newest event that stands (not one that only repeated and lost); zero Position if none.
	Newest Event
	// Sent is the position of the newest event that may have been sent, and SentQty its quantity.
	Sent    Position
	SentQty int64
	// Confirmed is the last quantity that the channel confirmed, nil if none.
	Confirmed *int64
	// Readback is what is still to be confirmed by reading back, nil if nothing.
	Readback *Readback
	// Finished is the terminal record of the last finished command; zero Position if none.
	Finished Record
}

// Stale says whether another message of the same store SKU knows more. A worker
// that lost its partition may write late: the last message is not always the newest.
func (s *State) Stale(other *State) bool { return other.Finished.Position.Newer(s.Finished.Position) }

// Readback is the duty to read a model back after requests whose outcome is
// unknown, because they may still land.
type Readback struct {
	ItemID, ModelID int64
	// Lost are the quantities of the lost requests, each once, in the order in
	// which they were given up: any of them may still land.
	Lost []int64
	// BeforeQty is the quantity shown before the last lost request, nil if unknown.
	BeforeQty *int64
	// NotBefore is the earliest time at which a read counts; zero until the last lost request was given up.
	NotBefore time.Time
}
