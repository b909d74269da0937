package schemas

import (
	"time"

	"github.com/go-faster/jx"
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

// EncodeEvent encodes an event as JSON, as upstream does.
func EncodeEvent(e *Event) []byte {
	var w jx.Writer
	w.ObjStart()
	field := func(name string, first bool) {
		if !first {
			w.Comma()
		}
		w.FieldStart(name)
	}
	text := func(name, value string) {
		if value != "" {
			field(name, name == "event_id")
			w.Str(value)
		}
	}
	number := func(name string, value int64) { field(name, false); w.Int64(value) }
	text("event_id", e.EventID)
	text("reason", e.Reason.Slug())
	text("channel", e.Key.Channel)
	number("shop_id", e.Key.ShopID)
	text("store_sku", e.Key.StoreSKU)
	text("merchant_sku", e.MerchantSKU)
	number("item_id", e.ItemID)
	number("model_id", e.ModelID)
	text("location_id", e.LocationID)
	number("available", e.Available)
	number("promotion_reserved", e.PromotionReserved)
	text("occurred_at", e.OccurredAt.UTC().Format(time.RFC3339Nano))
	text("retry_of", e.RetryOf)
	if e.Repeats() {
		number("repeats_offset", e.RepeatsOffset)
	}
	text("requested_by", e.RequestedBy)
	w.ObjEnd()
	return w.Buf
}
