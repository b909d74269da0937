package schemas

import (
	"time"
	"unicode/utf8"
)

// Status is the outcome of an event so far. Its number is the rank of a record's row: of two
// rows of one record the higher rank is valid.
type Status uint8

// The statuses, by rank.
const (
	Pending Status = iota + 1
	Skipped
	Failed
	Successfully
)

var statusNames = [...]string{Pending: "Pending", Skipped: "Skipped", Failed: "Failed", Successfully: "Successfully"}

// String is the status as SQL users see it; empty for an invalid one.
func (s Status) String() string {
	if s < Pending || s > Successfully {
		return ""
	}
	return statusNames[s]
}

// Statuses lists all statuses by rank.
func Statuses() []Status { return []Status{Pending, Skipped, Failed, Successfully} }

// ShadowRequestID is the request ID of a record whose push was only a shadow's.
const ShadowRequestID = "shadow"

// Terminal says whether a record with this status is finished.
func (s Status) Terminal() bool { return s >= Skipped && s <= Successfully }

// Record is the outcome of one event. Its identity is the event's key and position; its version
// is the rank of its status.
type Record struct {
	Event
	Status Status
	// BeforeQty is the last confirmed quantity before this push, nil if none is known.
	BeforeQty *int64
	// AfterQty is the quantity that the channel confirmed, nil unless Successfully, and nil if the
	// push was only a shadow's.
	AfterQty *int64
	// FailureCode is empty unless Failed.
	FailureCode FailureCode
	// FailureReason keeps the channel's own words, at most MaxFailureReasonBytes.
	FailureReason string
	// PromotionFloor is the quantity that a promotion reserves, in units, as the
	// channel's refusal names it; nil if it names none.
	PromotionFloor *int64
	// ShopRefused says that the refusal was of the whole shop, and not of this model.
	ShopRefused bool
	// SupersededBy and SupersededByOffset name the event that replaced this
	// one; empty and NoOffset unless Skipped.
	SupersededBy       string
	SupersededByOffset int64
	// Attempts counts the calls that carried the event, throttled ones too,
	// since its worker last started.
	Attempts  uint16
	RequestID string
	// QueuedAt is zero if the event was replaced before it was queued.
	QueuedAt time.Time
	// FinishedAt is zero while Pending.
	FinishedAt time.Time
}

// Shadow says that the push ended well without a call: the channel never got the quantity.
func (r *Record) Shadow() bool { return r.Status == Successfully && r.AfterQty == nil }

// MaxFailureReasonBytes is where a channel's own words are cut.
const MaxFailureReasonBytes = 2 << 10

// RecordOf returns the record of an event that was neither superseded nor queued.
func RecordOf(e Event, s Status) Record {
	return Record{Event: e, Status: s, SupersededByOffset: NoOffset}
}

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

// Cut shortens a text to at most n bytes without splitting a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
