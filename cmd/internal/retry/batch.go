package retry

import (
	"time"

	"github.com/google/uuid"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// failure names a failed record.
type failure struct {
	key schemas.Key
	at  schemas.Position
}

// claim takes a failure for one request; false if it is taken.
type claim func(failure) bool

// batch judges candidates one by one, and collects the events of those it takes.
type batch struct {
	// log is asked for once there is a candidate: it is read from Kafka.
	log    func() (eventlog.Log, error)
	limit  int
	reason schemas.Reason
	claim  claim
	now    time.Time
	result Result
	events []repeat
	// missing are the event ids that were asked for and not met yet.
	missing map[string]bool
}

// repeat is a new event and the failure whose quantities it repeats.
type repeat struct {
	event schemas.Event
	of    failure
}

func newBatch(q Request, log func() (eventlog.Log, error), claim claim) *batch {
	b := &batch{log: log, limit: q.Limit, reason: schemas.PushNow, claim: claim, now: time.Now(), missing: map[string]bool{}}
	b.result = Result{LeftOut: map[string]int{}, EventIDs: []string{}}
	if b.limit == 0 {
		b.limit = MaxEvents
	}
	if q.Refresh {
		b.reason = schemas.RefreshInventory
	}
	for _, id := range q.EventIDs {
		b.missing[id] = true
	}
	return b
}

func (b *batch) take(c *pushrecords.Candidate) error {
	log, err := b.log()
	if err != nil {
		return err
	}
	b.result.Matched++
	delete(b.missing, c.EventID)
	of := failure{c.Key(), c.Position()}
	if cause := b.judge(c, of, log); cause != "" {
		b.result.LeftOut[cause]++
		return nil
	}
	event, err := b.repeatOf(c)
	if err != nil {
		return err
	}
	b.events = append(b.events, repeat{event, of})
	return nil
}

// judge is why the candidate is left out; empty takes it.
func (b *batch) judge(c *pushrecords.Candidate, of failure, log eventlog.Log) string {
	switch {
	case !c.Newest:
		return NotNewest
	case !nameable(of, log):
		return OldLog
	case len(b.events) == b.limit:
		return OverLimit
	case !b.claim(of):
		return OnItsWay
	}
	return ""
}

// nameable says whether the failure's offset means today what it meant then: in
// another log, or another partition than its key's, it names another event.
func nameable(of failure, log eventlog.Log) bool {
	return of.at.LogID == log.ID && of.at.Partition == schemas.PartitionFor([]byte(of.key.String()), log.Partitions)
}

func (b *batch) repeatOf(c *pushrecords.Candidate) (schemas.Event, error) {
	id, err := uuid.NewV7()
	e := schemas.Event{
		EventID: id.String(), Reason: b.reason, Key: c.Key(), MerchantSKU: c.MerchantSKU,
		ItemID: int64(c.ItemID), ModelID: int64(c.ModelID), LocationID: c.LocationID,
		Available: c.Available, PromotionReserved: c.PromotionReserved,
		OccurredAt: b.now, RepeatsOffset: c.EventOffset, Position: c.Position(),
	}
	if b.reason == schemas.PushNow {
		e.RetryOf = c.EventID
	}
	return e, err
}

// finish is what the request comes to if all of its events are published.
func (b *batch) finish() Result {
	b.result.Published = len(b.events)
	if n := len(b.missing); n > 0 {
		b.result.LeftOut[NotFailing] = n
	}
	return b.result
}
