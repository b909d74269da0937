package schemastest

import (
	"fmt"

	"stockpush/schemas"
	"stockpush/schemas/stockevent"
	"stockpush/schemas/wire"
)

// DecodeEvent decodes a stock event with a new Decoder.
func DecodeEvent(key, value []byte) (schemas.Event, error) {
	var d stockevent.Decoder
	var e schemas.Event
	err := d.DecodeMessage(&e, stockevent.Message{Key: key, Value: value})
	return e, err
}

// AppendCommand appends c to b as a message of the commands topic.
func AppendCommand(b []byte, c *schemas.Command) []byte {
	return append(b, wire.EncodeCommand(c.Key.String(), wire.PackEvent(nil, &c.Event), c.QueuedAt)...)
}

// AppendState appends s to b as a message of the state topic.
func AppendState(b []byte, s *schemas.State) []byte {
	p := wire.PackedState{Key: s.Key.String(), Sent: s.Sent, SentQty: s.SentQty, Confirmed: s.Confirmed, Readback: s.Readback}
	if !s.Newest.Position.IsZero() {
		p.Newest = wire.PackEvent(nil, &s.Newest)
	}
	if !s.Finished.Position.IsZero() {
		p.Finished.Position = s.Finished.Position
		p.Finished.Bytes = wire.AppendRecord(nil, &s.Finished)
	}
	return append(b, wire.EncodeState(&p)...)
}

// Hint returns the hint of a failed record. promotionFloor is the reserve that the refusal named,
// or nil.
func Hint(code schemas.FailureCode, promotionFloor *int64) string {
	if promotionFloor == nil {
		return code.Hint()
	}
	return code.Hint() + fmt.Sprintf(schemas.FloorHint, *promotionFloor)
}
