package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
)

// Result is what a step asks the owner to do.
type Result struct {
	// Outcomes are written in their order.
	Outcomes []Outcome
	// Notices are for the operator.
	Notices []Notice
	// Throttled is the verdict of a throttled call; nil if none was.
	Throttled *channels.Verdict
	// Repush are store SKUs whose last record is pushed again.
	Repush []*sku.SKU
	// Unchecked are store SKUs whose push failed though an earlier request may show. The owner
	// passes them to GiveReadbacks.
	Unchecked []*sku.SKU
	// Tried are the pushes that stay Pending after an answer.
	Tried []Try
	// Retries counts pushes queued for another try, Repairs the repair pushes.
	Retries, Repairs int
}

// Outcome is what to write, in this order: the record, the state, the commands' offsets.
type Outcome struct {
	SKU *sku.SKU
	// Record is an encoded terminal record; nil if only the state is written.
	Record []byte
	// SaveState says that the state as it is after the step is written.
	SaveState bool
	// Offsets are those of the commands that it settles.
	Offsets []int64

	// Status is zero unless an event ended with this outcome; FailureCode and TriggeredAt belong to it.
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

// Try is the answer after which a push is queued for another try.
type Try struct {
	SKU     *sku.SKU
	Code    schemas.FailureCode
	Message string
}

// NoticeKind is the kind of a Notice.
type NoticeKind uint8

// The kinds.
const (
	// HoldBegan: the shop refuses every push.
	HoldBegan NoticeKind = iota
	// HoldEnded: a probe passed.
	HoldEnded
	// RepairRefused: a repair push was refused.
	RepairRefused
)

// Notice is an event that operators should know of.
type Notice struct {
	Kind NoticeKind
	// Verdict is the refusal; zero for HoldEnded.
	Verdict channels.Verdict
	// StoreSKU is the Kafka key of RepairRefused's store SKU.
	StoreSKU string
}
