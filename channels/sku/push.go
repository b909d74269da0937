package sku

import (
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/schemas"
)

// Push is a command that waits to be sent, or is in flight.
type Push struct {
	Event
	ItemID, ModelID int64
	// LocationID, Qty and TriggeredAt are the event's too: a call decodes no event.
	LocationID  string
	Qty         int64
	TriggeredAt time.Time
	// QueuedAt is when the processor issued the command.
	QueuedAt time.Time
	// Offset is the command's; schemas.NoOffset for a repair push.
	Offset int64
	// Duplicates are the offsets of other commands of the same event, which it settles too.
	Duplicates []int64
	// NotBefore is the earliest time to send it: the end of its linger or backoff.
	NotBefore time.Time
	// PausedBefore is how long the shop had been paused when the push began to wait.
	PausedBefore time.Duration
	// Backoff is nil before the first retry.
	Backoff *backoff.ExponentialBackOff
	// RequestID is the last answer's; empty before the first.
	RequestID string
	// Attempts counts calls that carried it, throttled ones included.
	Attempts uint16
	// UnknownRefusals counts refusals with the failure code unknown.
	UnknownRefusals uint8
	// Final says that this is its last try: it is too old.
	Final bool
}

// IsRepair says that this is a repair push: its event already has its terminal record.
func (p *Push) IsRepair() bool { return p.Offset == schemas.NoOffset }

// Offsets are those of the commands that the push settles.
func (p *Push) Offsets() []int64 {
	if p.IsRepair() {
		return p.Duplicates
	}
	return append([]int64{p.Offset}, p.Duplicates...)
}
