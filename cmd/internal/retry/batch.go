package retry

import (
	"cmp"
	"strconv"
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

// reserve reserves a failure for one request and returns false if another request has reserved it.
type reserve func(failure) bool

// batch judges candidates one by one and collects the events of the accepted ones.
type batch struct {
	// name is the prefix of its events' ids: a UUID that contains the time of creation.
	name string
	// log reads the declared log from Kafka when the first candidate comes.
	log     func() (eventlog.Log, error)
	limit   int
	reason  schemas.Reason
	reserve reserve
	now     time.Time
	by      string
	result  Result
	events  []repeat
	// missing are the requested event ids that were not found yet.
	missing map[string]bool
}

// repeat is a new event, and the failure whose quantities it repeats.
type repeat struct {
	event schemas.Event
	of    failure
}

func newBatch(q Request, log func() (eventlog.Log, error), reserve reserve) *batch {
	b := &batch{name: newName(), log: log, limit: q.Limit, reason: schemas.PushNow, reserve: reserve, now: time.Now(), by: cmp.Or(q.Origin.RequestedBy, q.Origin.Via), missing: map[string]bool{}}
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
	b.events = append(b.events, repeat{b.repeatOf(c), of})
	return nil
}

// judge returns the cause to leave a candidate out, or the empty string.
func (b *batch) judge(c *pushrecords.Candidate, of failure, log eventlog.Log) string {
	switch {
	case !c.Newest:
		return NotNewest
	case !nameable(of, log):
		return OldLog
	case len(b.events) == b.limit:
		return OverLimit
	case !b.reserve(of):
		return OnItsWay
	}
	return ""
}

// nameable reports whether the failure's offset still identifies its event. In another log, or in
// another partition than its key's, it identifies another event.
func nameable(of failure, log eventlog.Log) bool {
	return of.at.LogID == log.ID && of.at.Partition == log.PartitionOf(of.key)
}

// repeatOf returns the new event. Its id starts with the batch's name, so that all events of a
// batch can be found together.
func (b *batch) repeatOf(c *pushrecords.Candidate) schemas.Event {
	e := schemas.Event{
		EventID: b.name + "-" + strconv.Itoa(len(b.events)+1), Reason: b.reason, Key: c.Key(), MerchantSKU: c.MerchantSKU,
		ItemID: int64(c.ItemID), ModelID: int64(c.ModelID), LocationID: c.LocationID,
		Available: c.Available, PromotionReserved: c.PromotionReserved,
		OccurredAt: b.now, RepeatsOffset: c.EventOffset, RequestedBy: b.by, Position: c.Position(),
	}
	if b.reason == schemas.PushNow && c.Status == schemas.Failed.String() {
		e.RetryOf = c.EventID
	}
	return e
}

// finish returns the result of publishing all events.
func (b *batch) finish() Result {
	b.result.Published = len(b.events)
	if n := len(b.missing); n > 0 {
		b.result.LeftOut[NotFailing] = n
	}
	return b.result
}

func newName() string { return uuid.Must(uuid.NewV7()).String() }
