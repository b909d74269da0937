package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// Result is what the owner has to do after a step.
type Result struct {
	// Outcomes are written in their order.
	Outcomes []Outcome
	// Notices are for the operator.
	Notices []Notice
	// Throttled is the verdict that says that a call was one too many; nil if none was.
	Throttled *channels.Verdict
	// Repush are store SKUs whose last record failed because of a hold that ended.
	Repush []*sku.SKU
	// Retries counts pushes that wait for another try, Repairs the read-backs that led to a repair push.
	Retries, Repairs int
}

// Outcome is something to write: the record, then the state, then the commands' offsets are resolved.
type Outcome struct {
	SKU *sku.SKU
	// Record is an encoded terminal record; nil if only the state is written.
	Record []byte
	// SaveState says that the state is written, as it is after the step.
	SaveState bool
	// Offsets are the commands that it settles.
	Offsets []int64

	// Status is zero unless an event ended with this outcome; FailureCode and TriggeredAt are the event's.
	Status      schemas.Status
	FailureCode schemas.FailureCode
	TriggeredAt time.Time
}

func (r *Result) add(o Outcome) {
	if o.SaveState {
		o.SKU.Unsaved = false
	}
	r.Outcomes = append(r.Outcomes, o)
}

func terminal(s *sku.SKU, r *schemas.Record) Outcome {
	return Outcome{SKU: s, Status: r.Status, FailureCode: r.FailureCode, TriggeredAt: r.TriggeredAt}
}

// NoticeKind is the kind of a Notice.
type NoticeKind uint8

// The kinds.
const (
	// HoldBegan: the shop refuses every push.
	HoldBegan NoticeKind = iota
	// HoldEnded: a probe passed.
	HoldEnded
	// RepairRefused: an older quantity that was applied late could not be repaired.
	RepairRefused
)

// Notice is something that an operator should know.
type Notice struct {
	Kind NoticeKind
	// Verdict is the refusal; zero for HoldEnded.
	Verdict channels.Verdict
	// StoreSKU is the Kafka key of RepairRefused's store SKU.
	StoreSKU string
}
