package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// offsetTag is the first byte of a packed event: its offset comes first, so that
// offsetOf need not read the other fields.
const offsetTag = 14<<3 | byte(protowire.VarintType)

// PackEvent appends an event without its key to b. Events wait packed, and all our messages
// carry them packed.
func PackEvent(b []byte, e *schemas.Event) []byte { return packListing(packOwn(b, e), e) }

// packOwn appends the fields that differ from event to event.
func packOwn(b []byte, e *schemas.Event) []byte {
	b = protowire.AppendVarint(append(b, offsetTag), uint64(e.Position.Offset))
	b = protobuf.PutText(b, 1, e.EventID)
	b = protobuf.PutUint(b, 2, uint64(e.Reason))
	b = protobuf.PutInt(b, 7, e.Available)
	b = protobuf.PutUint(b, 8, uint64(e.PromotionReserved))
	b = protobuf.PutTime(b, 9, e.OccurredAt)
	b = protobuf.PutText(b, 10, e.RetryOf)
	if e.Repeats() {
		b = protobuf.PutInt(b, 11, e.RepeatsOffset)
	}
	b = protobuf.PutTime(b, 15, e.TriggeredAt)
	return protobuf.PutText(b, 16, e.RequestedBy)
}

// packListing appends the fields that the events of a store SKU usually have in common.
func packListing(b []byte, e *schemas.Event) []byte {
	b = protobuf.PutText(b, 3, e.MerchantSKU)
	b = protobuf.PutUint(b, 4, uint64(e.ItemID))
	b = protobuf.PutUint(b, 5, uint64(e.ModelID))
	b = protobuf.PutText(b, 6, e.LocationID)
	b = protobuf.PutUint(b, 12, uint64(e.Position.LogID))
	return protobuf.PutUint(b, 13, uint64(e.Position.Partition))
}

// UnpackEvent reads a packed event of a store SKU.
func UnpackEvent(key schemas.Key, packed []byte) (schemas.Event, error) {
	e := schemas.Event{Key: key, RepeatsOffset: schemas.NoOffset}
	if err := unpackEvent(&e, packed, nil); err != nil {
		return schemas.Event{}, fmt.Errorf("packed event: %w", err)
	}
	return e, nil
}

// unpackEvent sets the packed fields and leaves the others.
func unpackEvent(e *schemas.Event, packed []byte, t *protobuf.Texts) error {
	r := protobuf.Reader{Tail: packed, Field: protobuf.Field{Texts: t}}
	for r.Next() {
		switch r.Num {
		case 1:
			e.EventID = r.Text()
		case 2:
			e.Reason = schemas.Reason(r.Value)
		case 3:
			e.MerchantSKU = r.Text()
		case 4:
			e.ItemID = int64(r.Value)
		case 5:
			e.ModelID = int64(r.Value)
		case 6:
			e.LocationID = r.Text()
		case 7:
			e.Available = r.Int()
		case 8:
			e.PromotionReserved = int64(r.Value)
		case 9:
			e.OccurredAt = r.Time()
		case 10:
			e.RetryOf = r.Text()
		case 11:
			e.RepeatsOffset = r.Int()
		case 12:
			e.Position.LogID = uint16(r.Value)
		case 13:
			e.Position.Partition = int32(r.Value)
		case 14:
			e.Position.Offset = int64(r.Value)
		case 15:
			e.TriggeredAt = r.Time()
		case 16:
			e.RequestedBy = r.Text()
		}
	}
	return r.Err
}

// eventAt reads only the position and the reason of a packed event.
func eventAt(packed []byte) (at schemas.Position, reason schemas.Reason, err error) {
	r := protobuf.Reader{Tail: packed}
	for r.Next() {
		switch r.Num {
		case 2:
			reason = schemas.Reason(r.Value)
		case 12:
			at.LogID = uint16(r.Value)
		case 13:
			at.Partition = int32(r.Value)
		case 14:
			at.Offset = int64(r.Value)
		}
	}
	return at, reason, r.Err
}
