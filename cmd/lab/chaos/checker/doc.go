// Package checker judges a run of the system from outside: from the events
// that lie in Kafka, what the sandbox received and shows, and every table and
// view of ClickHouse.
//
// It shares no code with the product, so that a mistake there cannot hide here: it
// has its own reading of events, its own rules, its own queries. It is
// deterministic: Check is a function of an Observation. Read fetches the parts that
// are behind HTTP.
package checker

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Violation is something that must not be.
type Violation struct {
	// Invariant names the rule, of a closed set: the constants below.
	Invariant string
	What      string
}

func (v Violation) String() string { return v.Invariant + ": " + v.What }

// The invariants.
const (
	// Log: what Kafka acknowledged lies in the log.
	Log = "log"
	// Conservation: every event is one record or one dead letter, and nothing else is.
	Conservation = "conservation"
	// Truth: a record says what its event said, and what its status implies.
	Truth = "truth"
	// Pending: nothing waits for ever.
	Pending = "pending"
	// Superseded: what replaced a skipped event is a real event that may have.
	Superseded = "superseded"
	// Latest: Shopee shows the newest quantity of each store SKU.
	Latest = "latest"
	// Order: no older quantity is sent after a newer one.
	Order = "order"
	// Flight: at most one call of an item is in flight.
	Flight = "flight"
	// Window: at most one push of a store SKU in a window.
	Window = "window"
	// Rows: tables and views have one row for each record.
	Rows = "rows"
	// Views: views show what the records imply.
	Views = "views"
	// Rejected: a bad event is rejected once, unchanged, with the right code.
	Rejected = "rejected"
)

// Message is a message of Kafka.
type Message struct {
	Partition  int32
	Offset     int64
	Key, Value string
	At         time.Time
	Headers    map[string]string
}

// Pause is a time in which a process was stopped (SIGSTOP), and the name by which
// it calls the sandbox.
type Pause struct {
	Host     string
	From, To time.Time
}

// Model is a model of an item of a shop.
type Model struct{ Shop, Item, Model int64 }

// Observation is all that is known of a run.
type Observation struct {
	// Window is the processor's window.
	Window time.Duration
	// Timeout is how long a process waits for an answer of Shopee's before it gives the call up.
	Timeout time.Duration
	// Acknowledged are the events as Kafka acknowledged them to the producer.
	Acknowledged []Message
	// Events and DeadLetters are the topics as they lie there now.
	Events, DeadLetters []Message
	// Bad has the error codes of messages that were produced as bad input, by BadKey.
	Bad map[string]string
	// Refusing are models of which Shopee refuses every push, with the failure code.
	Refusing map[Model]string
	// Refusals are failure codes that any push may have got from an injected fault.
	Refusals map[string]bool
	Pauses   []Pause

	Calls []Call
	Stock map[Model]int64

	// Records are push_records by its own rule of which row counts; History,
	// Failed and so on are the views.
	Records, History, Failed []Record
	Facts                    []Fact
	FailedRows               []Record
	StoreSKUs, MerchantSKUs  []SKUStatus
	Stats                    []Stat
	RejectedEvents           []RejectedEvent
}

// BadKey is the key of a message in Observation.Bad.
func BadKey(key, value string) string { return key + "\x00" + value }

// CountBad is how many of the events are bad input.
func (o *Observation) CountBad() (n int) {
	for _, m := range o.Events {
		if _, bad := o.Bad[BadKey(m.Key, m.Value)]; bad {
			n++
		}
	}
	return n
}

// Report is what Check found.
type Report struct {
	Violations []Violation
	// Events, Bad, Skipped, Failed and Calls are totals.
	Events, Bad, Calls int
	ByStatus           map[string]int
	// Zombies counts older quantities that a process sent which had been stopped
	// for longer than its session: no client can exclude them.
	Zombies int
}

// check is a run of the checker.
type check struct {
	*Observation
	report *Report
	log    *eventLog
	// recordOf has the records by position.
	recordOf map[position]*Record
}

func (c *check) violated(invariant, format string, args ...any) {
	c.report.Violations = append(c.report.Violations, Violation{invariant, fmt.Sprintf(format, args...)})
}

// Check judges an observation of a system that has come to rest.
func Check(o *Observation) *Report {
	c := &check{Observation: o, report: &Report{ByStatus: map[string]int{}}, recordOf: map[position]*Record{}}
	c.log = c.readLog()
	for _, rule := range []func(){
		c.acknowledged, c.conservation, c.truth, c.superseded, c.latest, c.order, c.flight, c.window, c.rejected,
		c.rows, c.history, c.failures, c.storeSKUs, c.stats,
	} {
		rule()
	}
	c.report.Calls = len(o.Calls)
	slices.SortStableFunc(c.report.Violations, func(a, b Violation) int { return cmp.Compare(a.Invariant, b.Invariant) })
	return c.report
}
