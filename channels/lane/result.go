package lane

import (
	"time"

	"stockpush/channels"
	"stockpush/channels/sku"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// Result is what a step asks the owner to do.
type Result struct {
	// Queued is the push of a command that waits now; nil if none was offered that must be pushed.
	Queued *sku.Push
	// Outcomes are written in their order.
	Outcomes []Outcome
	// Notices are for the operator.
	Notices []Notice
	// Throttled is the verdict of a throttled call; nil if none was.
	Throttled *channels.Verdict
	// Repush are store SKUs whose last record is pushed again.
	Repush []*sku.SKU
	// Tried are the pushes that stay Pending after an answer.
	Tried []Try
	// Retries counts pushes queued for another try, Repairs the repair pushes.
	Retries, Repairs int

	// unchecked are store SKUs whose push failed though an earlier request may show.
	unchecked []*sku.SKU
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
	// Newer is the push that a Skipped event's push gave way to.
	Newer *sku.Push
}

func (r *Result) add(o Outcome) {
	if o.SaveState {
		o.SKU.Unsaved = false
	}
	r.Outcomes = append(r.Outcomes, o)
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

// recordOf returns the terminal record of a push, whose event stays encoded.
func recordOf(p *sku.Push, status schemas.Status, now time.Time) schemas.Record {
	return schemas.Record{
		Status: status, SupersededByOffset: schemas.NoOffset, QueuedAt: p.QueuedAt, FinishedAt: now, Attempts: p.Attempts, RequestID: p.RequestID,
	}
}

// skipped returns the encoded record of a push whose event a newer one superseded.
func skipped(p *sku.Push, by *schemas.Event, now time.Time) []byte {
	r := recordOf(p, schemas.Skipped, now)
	r.SupersededBy, r.SupersededByOffset = by.EventID, by.Position.Offset
	return wire.AppendPackedRecord(nil, p.Encoded, &r)
}

// skip ends a push that a newer event replaced.
func (l *Lane) skip(s *sku.SKU, p *sku.Push, by *schemas.Event, now time.Time, r *Result) {
	if p.IsRepair() { // whose event has its record already
		if len(p.Duplicates) > 0 {
			r.add(Outcome{SKU: s, Offsets: p.Duplicates})
		}
		return
	}
	r.add(Outcome{
		SKU: s, Record: skipped(p, by, now), Offsets: p.Offsets(), Status: schemas.Skipped, TriggeredAt: p.TriggeredAt, Newer: s.Waiting,
		// The state must have the request that may still be applied, and the event that was
		// news: later repeats are compared with it.
		SaveState: s.Unsaved || by.Repeats(),
	})
}

// finish ends a push with its terminal record, which is part of the state too.
func (l *Lane) finish(s *sku.SKU, p *sku.Push, record *schemas.Record, r *Result) {
	o := Outcome{SKU: s, Record: wire.AppendPackedRecord(nil, p.Encoded, record), SaveState: true, Offsets: p.Offsets()}
	if !p.IsRepair() { // whose event ended before
		o.Status, o.FailureCode, o.TriggeredAt = record.Status, record.FailureCode, p.TriggeredAt
	}
	s.Finish(wire.PackedRecord{Position: p.Position, Status: record.Status, Shadow: record.Shadow(), Bytes: o.Record})
	if s.Last.Position == p.Position { // otherwise a newer event has failed, and is pushed again
		delete(l.unpushed, s)
	}
	if s.Readback != nil {
		l.expectReadback(s, record.FinishedAt)
	}
	r.add(o)
}
