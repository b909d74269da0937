package schemas

import (
	"time"
)

// MaxPushQty is the greatest quantity that Shopee takes for a model, in units.
const MaxPushQty = 10_000_000

// Event is one trigger as upstream sent it: a store SKU's stock after something happened.
// docs/events.md of the command has the rule of every field.
type Event struct {
	EventID     string
	Reason      Reason
	Key         Key
	MerchantSKU string
	ItemID      int64
	// ModelID is 0 for an item without models.
	ModelID    int64
	LocationID string
	// Available may be negative: oversold.
	Available         int64
	PromotionReserved int64
	OccurredAt        time.Time
	// RetryOf is empty unless this event re-pushes a failed record.
	RetryOf string
	// RepeatsOffset is NoOffset unless the event only repeats the quantities
	// of the record at that offset of its own partition.
	RepeatsOffset int64
	// RequestedBy is who asked for the event, at most MaxRequestedByBytes; empty if unknown.
	RequestedBy string

	// Position is where the event lies in Kafka, and TriggeredAt its timestamp there, or what
	// TimestampOr replaced it by.
	Position    Position
	TriggeredAt time.Time
}

// MaxRequestedByBytes is the maximum length of Event.RequestedBy.
const MaxRequestedByBytes = 128

// NoOffset is the value of an optional offset that is absent.
const NoOffset int64 = -1

// PushQty is the quantity that Shopee should show: available stock, counted as 0 when
// negative, plus what is reserved for promotions.
func (e *Event) PushQty() int64 { return max(e.Available, 0) + e.PromotionReserved }

// Repeats says whether the event repeats the quantities of an older one, so it is not news.
func (e *Event) Repeats() bool { return e.RepeatsOffset != NoOffset }

// Command asks a channel worker to push an event's quantity.
type Command struct {
	Event
	// QueuedAt is when the processor issued the command.
	QueuedAt time.Time
}

// How far from the time at which a message was read its timestamp may lie.
const (
	maxTimestampAge  = 30 * 24 * time.Hour
	maxTimestampSkew = 5 * time.Minute
)

// TimestampOr is a message's Kafka timestamp, or the time at which the message was read if the
// timestamp is older than 30 days or more than 5 minutes ahead. A producer chooses the timestamps
// of a CreateTime topic, and records whose time is wrong by years would never show.
func TimestampOr(timestamp, read time.Time) time.Time {
	if timestamp.Before(read.Add(-maxTimestampAge)) || timestamp.After(read.Add(maxTimestampSkew)) {
		return read
	}
	return timestamp
}
