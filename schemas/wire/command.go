package wire

import (
	"fmt"
	"time"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// commandRoom has room for what a command holds beside its key and event, in bytes.
const commandRoom = 24

// EncodeCommand returns a command, whose event is packed, as a message of the commands topic; key is
// its Kafka key.
func EncodeCommand(key string, packed []byte, queuedAt time.Time) []byte {
	b := make([]byte, 0, len(key)+len(packed)+commandRoom)
	b = protobuf.PutText(append(b, formatVersion), 1, key)
	b = protobuf.PutBytes(b, 2, packed)
	return protobuf.PutTime(b, 3, queuedAt)
}

// Command is a message of the commands topic.
type Command struct {
	schemas.Command
	// Encoded is the event as the message has it, packed. It shares the message's memory.
	Encoded []byte
}

// DecodeCommand reads a message of the commands topic.
func DecodeCommand(message []byte) (Command, error) {
	c := Command{Command: schemas.Command{Event: schemas.Event{RepeatsOffset: schemas.NoOffset}}}
	key := ""
	r := fields(message)
	for r.Next() {
		switch r.Num {
		case 1:
			key = r.Text()
		case 2:
			c.Encoded = r.Bytes
			r.Stop(unpackEvent(&c.Event, r.Bytes, nil))
		case 3:
			c.QueuedAt = r.Time()
		}
	}
	if r.Err == nil {
		c.Key, r.Err = schemas.ParseKey(key)
	}
	if r.Err != nil {
		return Command{}, fmt.Errorf("command: %w", r.Err)
	}
	return c, nil
}
