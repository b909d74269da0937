package wire

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
)

// A chain holds the records of a window in one field of a message: the newest event in full,
// and a link for each event before it. The next event superseded a link's event, so the link
// does not name it, and it leaves out the listing if the next event has the same.

// PackedEvent is an event without its key as it waits in a window. Its zero value is empty.
type PackedEvent struct {
	bytes []byte
	// own is the length of the part that packOwn wrote; the listing follows.
	own int
}

// Pack replaces the packed event by another and reuses its memory.
func (p *PackedEvent) Pack(e *schemas.Event) {
	p.bytes = packOwn(p.bytes[:0], e)
	p.own = len(p.bytes)
	p.bytes = packListing(p.bytes, e)
}

// Clone returns a copy in memory of its own.
func (p *PackedEvent) Clone() PackedEvent { return PackedEvent{bytes.Clone(p.bytes), p.own} }

// Bytes returns the event as PackEvent packs it.
func (p *PackedEvent) Bytes() []byte { return p.bytes }

// Role is what an event is in its chain.
type Role uint8

// The roles of links.
const (
	// RoleSkipped is an event that superseded the earlier ones and was superseded by the next.
	RoleSkipped Role = iota
	// RoleLost is an event that was superseded and superseded none: a repeat.
	RoleLost
	// RoleWaits is an event that superseded the earlier ones; its own record is elsewhere.
	RoleWaits
)

// Link is an event of a chain that is not its newest.
type Link struct {
	Event *PackedEvent
	// Next is the event that superseded the link's: the chain's next one that is not RoleLost.
	Next *PackedEvent
	Role Role
	// At is when the event was superseded; zero if it waits.
	At time.Time
}

// The fields of a link. It has one of the first two.
const (
	linkOwn = iota + 1
	linkEvent
	linkAt
	linkRole
)

// AppendLink appends a link to those of earlier events.
func AppendLink(links []byte, l Link) []byte {
	num, event := protowire.Number(linkEvent), l.Event.bytes
	if bytes.Equal(event[l.Event.own:], l.Next.bytes[l.Next.own:]) {
		num, event = linkOwn, event[:l.Event.own]
	}
	var room [16]byte
	tail := protobuf.PutUint(protobuf.PutTime(room[:0], linkAt, l.At), linkRole, uint64(l.Role))
	size := 1 + protowire.SizeBytes(len(event)) + len(tail)
	links = slices.Grow(links, 1+protowire.SizeBytes(size))
	links = protowire.AppendVarint(protowire.AppendTag(links, chainLink, protowire.BytesType), uint64(size))
	return append(protobuf.PutBytes(links, num, event), tail...)
}

// Chain is the events of one store SKU's window.
type Chain struct {
	// Newest is the newest event, packed.
	Newest []byte
	// QueuedAt is the queue time of the newest event's Pending record; zero leaves the record out.
	QueuedAt time.Time
	// Links are those of the earlier events, as AppendLink writes them.
	Links []byte
}

// The fields of a chain.
const (
	chainNewest = iota + 1
	chainQueuedAt
	chainLink
)

// AppendChain adds a chain of the last key's store SKU to a message.
func AppendChain(b []byte, c Chain) []byte {
	var room [16]byte
	queuedAt := protobuf.PutTime(room[:0], chainQueuedAt, c.QueuedAt)
	size := 1 + protowire.SizeBytes(len(c.Newest)) + len(queuedAt) + len(c.Links)
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.BytesType), uint64(size))
	b = append(protobuf.PutBytes(b, chainNewest, c.Newest), queuedAt...)
	return append(b, c.Links...)
}

// AppendLinkOffsets appends the event offsets of links that have records to offsets.
func AppendLinkOffsets(offsets []int64, links []byte) []int64 {
	all := protobuf.Reader{Tail: links}
	for all.Next() {
		var offset int64
		var role Role
		link := protobuf.Reader{Tail: all.Bytes}
		for link.Next() {
			switch link.Num {
			case linkOwn, linkEvent:
				offset = offsetOf(link.Bytes)
			case linkRole:
				role = Role(link.Value)
			}
		}
		if role != RoleWaits {
			offsets = append(offsets, offset)
		}
	}
	return offsets
}

// offsetOf returns the offset of a packed event, which is its first field.
func offsetOf(packed []byte) int64 {
	r := protobuf.Reader{Tail: packed}
	r.Next()
	return int64(r.Value)
}

// chain yields the records of a chain, newest first.
func (d *recordsDecoder) chain(b []byte) error {
	next := schemas.Event{Key: d.key, RepeatsOffset: schemas.NoOffset}
	var queuedAt time.Time
	d.links = d.links[:0]
	r := protobuf.Reader{Tail: b}
	for r.Next() {
		switch r.Num {
		case chainNewest:
			r.Stop(unpackEvent(&next, r.Bytes, &d.texts))
		case chainQueuedAt:
			queuedAt = r.Time()
		case chainLink:
			d.links = append(d.links, r.Bytes)
		}
	}
	if r.Err == nil {
		r.Err = known(schemas.Pending, next.Reason, next.Position)
	}
	if r.Err == nil && !queuedAt.IsZero() {
		d.record = schemas.RecordOf(next, schemas.Pending)
		d.record.QueuedAt = queuedAt
		r.Err = d.yield(&d.record)
	}
	if r.Err != nil {
		return fmt.Errorf("chain of records: %w", r.Err)
	}
	return d.yieldLinks(next)
}

// yieldLinks yields the records of the chain's links; next is its newest event.
func (d *recordsDecoder) yieldLinks(next schemas.Event) error {
	for _, link := range slices.Backward(d.links) {
		role, err := decodeLink(&d.record, &next, link, &d.texts)
		if err == nil && role != RoleWaits {
			err = d.yield(&d.record)
		}
		if err != nil {
			return fmt.Errorf("chain of records: %w", err)
		}
		if role != RoleLost {
			next = d.record.Event
		}
	}
	return nil
}

// decodeLink reads the Skipped record of a link; next superseded its event.
func decodeLink(r *schemas.Record, next *schemas.Event, b []byte, t *protobuf.Texts) (role Role, err error) {
	*r = schemas.Record{
		Event: schemas.Event{
			Key: next.Key, MerchantSKU: next.MerchantSKU, ItemID: next.ItemID, ModelID: next.ModelID, LocationID: next.LocationID,
			Position: schemas.Position{LogID: next.Position.LogID, Partition: next.Position.Partition}, RepeatsOffset: schemas.NoOffset,
		},
		Status: schemas.Skipped, SupersededBy: next.EventID, SupersededByOffset: next.Position.Offset,
	}
	from := protobuf.Reader{Tail: b}
	for from.Next() {
		switch from.Num {
		case linkOwn:
			from.Stop(unpackEvent(&r.Event, from.Bytes, t))
		case linkEvent:
			r.Event = schemas.Event{Key: next.Key, RepeatsOffset: schemas.NoOffset}
			from.Stop(unpackEvent(&r.Event, from.Bytes, t))
		case linkAt:
			r.FinishedAt = from.Time()
		case linkRole:
			role = Role(from.Value)
		}
	}
	if from.Err != nil {
		return role, from.Err
	}
	if role > RoleWaits {
		return role, fmt.Errorf("role %d is not known", role)
	}
	return role, known(r.Status, r.Reason, r.Position)
}
