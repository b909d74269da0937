package checker

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCorrectRunHasNoViolation(t *testing.T) {
	r := Check(clean())
	require.Empty(t, r.Violations)
	require.Equal(t, 111, r.Events)
	require.Equal(t, 1, r.Bad)
	require.Equal(t, map[string]int{successfully: 6, skipped: 104, failed: 1}, r.ByStatus)
	require.Zero(t, r.Zombies)
}

// record finds a record by its event's id.
func record(records []Record, id string) *Record {
	i := slices.IndexFunc(records, func(r Record) bool { return r.EventID == id })
	return &records[i]
}

func without(records []Record, id string) []Record {
	return slices.DeleteFunc(records, func(r Record) bool { return r.EventID == id })
}

func as[T any](v T) *T { return &v }

// plantedViolations are changes of a correct run, each with the invariant that must find it.
var plantedViolations = map[string]struct {
	invariant string
	plant     func(o *Observation)
}{
	"an acknowledged event is not in the log":  {Log, func(o *Observation) { o.Events = o.Events[:len(o.Events)-1] }},
	"an acknowledged event is another one now": {Log, func(o *Observation) { o.Acknowledged[0].Value = "{}" }},
	"a message that was not produced":          {Log, func(o *Observation) { o.Events = append(o.Events, Message{Partition: 9, Value: "x"}) }},

	"an event without a record": {Conservation, func(o *Observation) { o.Records = without(o.Records, "e-0-0") }},
	"a record of no event": {Conservation, func(o *Observation) {
		o.Records = append(o.Records, Record{EventID: "ghost", Partition: 8, Status: skipped})
	}},
	"a record twice":           {Conservation, func(o *Observation) { o.Records = append(o.Records, o.Records[0]) }},
	"a record that is Pending": {Pending, func(o *Observation) { record(o.Records, "e-0-3").Status = pending }},

	"a record with another quantity":    {Truth, func(o *Observation) { record(o.Records, "e-0-3").PushQty = 99 }},
	"a record with another reason":      {Truth, func(o *Observation) { record(o.Records, "e-0-3").Reason = "Void Order" }},
	"a record with another target":      {Truth, func(o *Observation) { record(o.Records, "e-0-3").ModelID = 9 }},
	"a record with another time":        {Truth, func(o *Observation) { record(o.Records, "e-0-3").TriggeredAt = Time{began} }},
	"a success that was never applied":  {Truth, func(o *Observation) { o.Calls[2].Lines[0].Applied = false }},
	"an unconfirmed success":            {Truth, func(o *Observation) { record(o.Records, "e-0-3").AfterQty = nil }},
	"a success without a try":           {Truth, func(o *Observation) { record(o.Records, "e-0-3").Attempts = 0 }},
	"a quantity before that never was":  {Truth, func(o *Observation) { record(o.Records, "e-0-3").BeforeQty = as(int64(77)) }},
	"a quantity before that came after": {Truth, func(o *Observation) { record(o.Records, "e-0-1").BeforeQty = as(int64(12)) }},
	"a success where Shopee refuses":    {Truth, func(o *Observation) { record(o.Records, "e-1-1").Status = successfully }},
	"a failure that nothing explains":   {Truth, func(o *Observation) { record(o.Records, "e-1-1").FailureCode = "timed_out" }},
	"a failure without a reason":        {Truth, func(o *Observation) { record(o.Records, "e-1-1").FailureReason = "" }},
	"a skipped one with a confirmation": {Truth, func(o *Observation) { record(o.Records, "e-0-0").AfterQty = as(int64(1)) }},
	"finished before it came":           {Truth, func(o *Observation) { record(o.Records, "e-0-3").FinishedAt = Time{began} }},

	"skipped without a cause":                  {Superseded, func(o *Observation) { record(o.Records, "e-0-0").SupersededByOffset = nil }},
	"skipped for an event that is not there":   {Superseded, func(o *Observation) { record(o.Records, "e-0-0").SupersededByOffset = as(int64(50)) }},
	"skipped for an event under another name":  {Superseded, func(o *Observation) { record(o.Records, "e-0-0").SupersededBy = "other" }},
	"skipped for an older one":                 {Superseded, supersede("e-3-50", "e-3-49", 49)},
	"a repeat skipped for what it repeats":     {Superseded, supersede("e-0-4", "e-0-1", 1)},
	"superseded, and yet pushed":               {Superseded, func(o *Observation) { record(o.Records, "e-0-3").SupersededBy = "e-0-4" }},
	"the newest one is Skipped":                {Latest, func(o *Observation) { skip(record(o.Records, "e-0-3"), "e-0-4", 4) }},
	"Shopee shows an older quantity":           {Latest, func(o *Observation) { o.Stock[Model{shop, 1, 1}] = 11 }},
	"Shopee shows it at the old model only":    {Latest, func(o *Observation) { delete(o.Stock, Model{shop, 1, 105}) }},
	"a repeat that lost is pushed":             {Latest, func(o *Observation) { succeed(record(o.Records, "e-0-4")) }},
	"an older quantity after a newer":          {Order, func(o *Observation) { o.Calls[2].Received, o.Calls[1].Received = 2, 3 }},
	"a quantity that no event has":             {Order, func(o *Observation) { o.Calls[0].Lines[0].Stock = 5 }},
	"two calls of an item at the same time":    {Flight, func(o *Observation) { o.Calls[0].AppliedAt = o.Calls[1].ReceivedAt.Add(time.Millisecond) }},
	"two commands in a window":                 {Window, func(o *Observation) { o.Window = 2 * time.Second; succeedAlone(o) }},
	"push_record_facts has a row too much":     {Rows, func(o *Observation) { o.Facts = append(o.Facts, o.Facts[0]) }},
	"push_record_facts lacks a row":            {Rows, func(o *Observation) { o.Facts = o.Facts[1:] }},
	"push_record_facts has another status":     {Rows, func(o *Observation) { o.Facts[0].Status = failed }},
	"failed_push_record_rows has one twice":    {Rows, func(o *Observation) { o.FailedRows = append(o.FailedRows, o.FailedRows[0]) }},
	"failed_push_record_rows lacks one":        {Rows, func(o *Observation) { o.FailedRows = nil }},
	"the history lacks one of the latest 100":  {Views, func(o *Observation) { o.History = without(o.History, "e-3-50") }},
	"the history shows the 101st":              {Views, func(o *Observation) { o.History = append(o.History, *record(o.Records, "e-3-2")) }},
	"the history shows a record twice":         {Views, func(o *Observation) { o.History = append(o.History, o.History[0]) }},
	"the history shows another status":         {Views, func(o *Observation) { record(o.History, "e-0-3").Status = pending }},
	"a failure is not shown":                   {Views, func(o *Observation) { o.Failed = nil }},
	"a resolved failure is shown":              {Views, func(o *Observation) { o.Failed = append(o.Failed, *record(o.Records, "e-0-1")) }},
	"a failure without a hint":                 {Views, func(o *Observation) { o.Failed[0].Hint = "" }},
	"a store SKU is not shown":                 {Views, func(o *Observation) { o.StoreSKUs = o.StoreSKUs[1:] }},
	"a store SKU is shown twice":               {Views, func(o *Observation) { o.MerchantSKUs = append(o.MerchantSKUs, o.MerchantSKUs[0]) }},
	"a store SKU with an older outcome":        {Views, func(o *Observation) { o.StoreSKUs[0].PushQty = 11 }},
	"a store SKU with something pending":       {Views, func(o *Observation) { o.StoreSKUs[0].Pending = 1 }},
	"a merchant SKU that is not the newest":    {Views, func(o *Observation) { o.MerchantSKUs[0].MerchantSKU = "old" }},
	"statistics that count one too many":       {Views, func(o *Observation) { o.Stats[0].Records++ }},
	"statistics that lack a group":             {Views, func(o *Observation) { o.Stats = o.Stats[1:] }},
	"statistics with another percentile":       {Views, func(o *Observation) { o.Stats[0].P99 = 9000 }},
	"a bad event that is no rejected event":    {Rejected, func(o *Observation) { o.RejectedEvents = nil }},
	"a rejected event twice":                   {Rejected, func(o *Observation) { o.RejectedEvents = append(o.RejectedEvents, o.RejectedEvents[0]) }},
	"a rejected event with another code":       {Rejected, func(o *Observation) { o.RejectedEvents[0].Code = "wrong_type" }},
	"a rejected event that was good":           {Rejected, func(o *Observation) { o.RejectedEvents[0].Offset = 1 }},
	"a dead letter that was changed":           {Rejected, func(o *Observation) { o.DeadLetters[0].Value = "[" }},
	"a dead letter of a good event":            {Rejected, func(o *Observation) { o.DeadLetters[0].Headers["source-offset"] = "1" }},
	"a dead letter that says nothing of it":    {Rejected, func(o *Observation) { o.DeadLetters[0].Headers = nil }},
	"an older quantity long after a pause":     {Order, func(o *Observation) { swapAfterPause(o, time.Minute) }},
	"an older quantity of another process":     {Order, func(o *Observation) { swapAfterPause(o, 0); o.Pauses[0].Host = "two" }},
	"a lost update that a zombie left behind":  {Latest, func(o *Observation) { swapAfterPause(o, 0); o.Stock[Model{shop, 1, 1}] = 11 }},
	"a second call while none of them is late": {Flight, func(o *Observation) { o.Calls[1].ReceivedAt = o.Calls[0].ReceivedAt }},
}

func TestPlantedViolationsAreFound(t *testing.T) {
	for name, planted := range plantedViolations {
		t.Run(name, func(t *testing.T) {
			o := clean()
			planted.plant(o)
			found := Check(o).Violations
			require.True(t, slices.ContainsFunc(found, func(v Violation) bool { return v.Invariant == planted.invariant }), "found %v", found)
		})
	}
}

func supersede(id, by string, offset int64) func(*Observation) {
	return func(o *Observation) { skip(record(o.Records, id), by, offset) }
}

func skip(r *Record, by string, offset int64) {
	r.Status, r.SupersededBy, r.SupersededByOffset, r.AfterQty = skipped, by, &offset, nil
}

func succeed(r *Record) {
	qty := r.PushQty
	r.Status, r.SupersededBy, r.SupersededByOffset, r.AfterQty, r.Attempts = successfully, "", nil, &qty, 1
}

// succeedAlone leaves only the moved store SKU's two pushes, a second apart.
func succeedAlone(o *Observation) {
	for i := range o.Records {
		if o.Records[i].StoreSKU != "moved" {
			o.Records[i].QueuedAt = Time{time.Unix(0, 0)}
		}
	}
}

// swapAfterPause makes an older quantity follow a newer one, sent by a process that was resumed at
// most "before" earlier.
func swapAfterPause(o *Observation, before time.Duration) {
	o.Calls[2].Received, o.Calls[1].Received = 2, 3
	woke := o.Calls[1].ReceivedAt.Add(-before)
	o.Pauses = append(o.Pauses, Pause{Host: "one", From: woke.Add(-7 * time.Second), To: woke})
}

func TestZombieSendIsCountedSeparately(t *testing.T) {
	o := clean()
	swapAfterPause(o, 0)
	r := Check(o)
	require.Empty(t, r.Violations)
	require.Equal(t, 1, r.Zombies)
}

func TestAbandonedCallIsNotInFlight(t *testing.T) {
	o := clean()
	o.Calls[0].ReceivedAt, o.Calls[0].AppliedAt = o.Calls[1].ReceivedAt.Add(-o.Timeout), o.Calls[1].ReceivedAt.Add(time.Millisecond)
	require.Empty(t, Check(o).Violations)
}

func TestLateCallIsInFlightOnlyUntilItWasCut(t *testing.T) {
	o := clean()
	o.Calls[0].AppliedAt, o.Calls[0].Fault = o.Calls[1].ReceivedAt.Add(time.Second/2), "late"
	require.Empty(t, Check(o).Violations)
}

func TestQuantileOfFewValuesMayBeANeighbour(t *testing.T) {
	times := []float64{100, 200, 300, 400}
	require.True(t, isQuantile(times, 0.5, 200))
	require.True(t, isQuantile(times, 0.5, 302))
	require.False(t, isQuantile(times, 0.5, 420))
	require.False(t, isQuantile(times, 0.99, 90))
}
