package schemas

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// offsetTag is the first byte of a packed event: its offset comes first, so that
// offsetOf need not read the other fields.
const offsetTag = 14<<3 | byte(protowire.VarintType)

// PackEvent appends an event without its key to b. Events wait packed, and all our messages
// carry them packed.
func PackEvent(b []byte, e *Event) []byte { return packListing(packOwn(b, e), e) }

// packOwn appends the fields that differ from event to event.
func packOwn(b []byte, e *Event) []byte {
	b = protowire.AppendVarint(append(b, offsetTag), uint64(e.Position.Offset))
	b = putText(b, 1, e.EventID)
	b = putUint(b, 2, uint64(e.Reason))
	b = putInt(b, 7, e.Available)
	b = putUint(b, 8, uint64(e.PromotionReserved))
	b = putTime(b, 9, e.OccurredAt)
	b = putText(b, 10, e.RetryOf)
	if e.Repeats() {
		b = putInt(b, 11, e.RepeatsOffset)
	}
	b = putTime(b, 15, e.TriggeredAt)
	return putText(b, 16, e.RequestedBy)
}

// packListing appends the fields that the events of a store SKU usually have in common.
func packListing(b []byte, e *Event) []byte {
	b = putText(b, 3, e.MerchantSKU)
	b = putUint(b, 4, uint64(e.ItemID))
	b = putUint(b, 5, uint64(e.ModelID))
	b = putText(b, 6, e.LocationID)
	b = putUint(b, 12, uint64(e.Position.LogID))
	return putUint(b, 13, uint64(e.Position.Partition))
}

// UnpackEvent reads a packed event of a store SKU.
func UnpackEvent(key Key, packed []byte) (Event, error) {
	e := Event{Key: key, RepeatsOffset: NoOffset}
	if err := unpackEvent(&e, packed, nil); err != nil {
		return Event{}, fmt.Errorf("packed event: %w", err)
	}
	return e, nil
}

// unpackEvent sets the packed fields and leaves the others.
func unpackEvent(e *Event, packed []byte, t *texts) error {
	r := reader{tail: packed, field: field{texts: t}}
	for r.next() {
		setEvent(e, &r.field)
	}
	return r.err
}

// eventAt reads only the position and the reason of a packed event.
func eventAt(packed []byte) (at Position, reason Reason, err error) {
	r := reader{tail: packed}
	for r.next() {
		switch r.num {
		case 2:
			reason = Reason(r.value)
		case 12:
			at.LogID = uint16(r.value)
		case 13:
			at.Partition = int32(r.value)
		case 14:
			at.Offset = int64(r.value)
		}
	}
	return at, reason, r.err
}

func setEvent(e *Event, f *field) {
	switch f.num {
	case 1:
		e.EventID = f.text()
	case 2:
		e.Reason = Reason(f.value)
	case 3:
		e.MerchantSKU = f.text()
	case 4:
		e.ItemID = int64(f.value)
	case 5:
		e.ModelID = int64(f.value)
	case 6:
		e.LocationID = f.text()
	case 7:
		e.Available = f.int()
	case 8:
		e.PromotionReserved = int64(f.value)
	case 9:
		e.OccurredAt = f.time()
	case 10:
		e.RetryOf = f.text()
	case 11:
		e.RepeatsOffset = f.int()
	case 12:
		e.Position.LogID = uint16(f.value)
	case 13:
		e.Position.Partition = int32(f.value)
	case 14:
		e.Position.Offset = int64(f.value)
	case 15:
		e.TriggeredAt = f.time()
	case 16:
		e.RequestedBy = f.text()
	}
}

// commandRoom has room for what a command holds beside its key and event, in bytes.
const commandRoom = 24

// AppendPackedCommand appends a command, whose event is packed, as a message of the commands topic
// to b; key is its Kafka key.
func AppendPackedCommand(b []byte, key string, packed []byte, queuedAt time.Time) []byte {
	b = slices.Grow(b, len(key)+len(packed)+commandRoom)
	b = putText(append(b, formatVersion), 1, key)
	b = putBytes(b, 2, packed)
	return putTime(b, 3, queuedAt)
}

// PackedCommand is a message of the commands topic whose event is still packed.
type PackedCommand struct {
	// Key is the store SKU's Kafka key, which is not checked, and Packed the event. They share the
	// message's memory.
	Key, Packed []byte
	QueuedAt    time.Time
}

// SplitCommand reads a message of the commands topic except its event.
func SplitCommand(message []byte) (c PackedCommand, err error) {
	tail, err := body(message)
	if err != nil {
		return c, err
	}
	r := reader{tail: tail}
	for r.next() {
		switch r.num {
		case 1:
			c.Key = r.bytes
		case 2:
			c.Packed = r.bytes
		case 3:
			c.QueuedAt = r.time()
		}
	}
	if r.err != nil {
		return PackedCommand{}, fmt.Errorf("command: %w", r.err)
	}
	return c, nil
}

// DecodeCommand reads a message of the commands topic.
func DecodeCommand(message []byte) (Command, error) {
	c, err := SplitCommand(message)
	if err != nil {
		return Command{}, err
	}
	k, err := ParseKey(string(c.Key))
	if err != nil {
		return Command{}, fmt.Errorf("command: %w", err)
	}
	e, err := UnpackEvent(k, c.Packed)
	return Command{Event: e, QueuedAt: c.QueuedAt}, err
}
