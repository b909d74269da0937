// Package checker judges a run of the system from outside: from the events in Kafka, the sandbox's
// calls and stock, and every table and view of ClickHouse.
//
// It shares no code with the product, so that an error there cannot hide here: it decodes events
// itself and has its own rules and queries. Check is a pure function of an Observation. Read
// fetches the parts that need HTTP.
package checker

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Violation is a broken invariant.
type Violation struct {
	// Invariant is one of the constants below.
	Invariant string
	What      string
}

func (v Violation) String() string { return v.Invariant + ": " + v.What }

// The invariants.
const (
	// Log: the log contains what Kafka acknowledged.
	Log = "log"
	// Conservation: every event is one record or one dead letter, and there are no others.
	Conservation = "conservation"
	// Truth: a record repeats its event and has what its status implies.
	Truth = "truth"
	// Pending: nothing is pending in the end.
	Pending = "pending"
	// Superseded: a skipped event names an event that may supersede it.
	Superseded = "superseded"
	// Latest: Shopee shows the newest quantity of each store SKU.
	Latest = "latest"
	// Order: no older quantity is sent after a newer one.
	Order = "order"
	// Flight: at most one call of an item is in flight.
	Flight = "flight"
	// Window: at most one push per store SKU and window.
	Window = "window"
	// Rows: tables and views have one row per record.
	Rows = "rows"
	// Views: views show what the records imply.
	Views = "views"
	// Rejected: a bad event is rejected once, unchanged, with the right code.
	Rejected = "rejected"
)

// Message is a message in Kafka.
type Message struct {
	Partition  int32
	Offset     int64
	Key, Value string
	At         time.Time
	Headers    map[string]string
}

// Pause is a time in which a process was stopped (SIGSTOP), with the process's name in the sandbox.
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
	// Timeout is how long a process waits for Shopee's answer.
	Timeout time.Duration
	// Acknowledged are the events that Kafka acknowledged to the producer.
	Acknowledged []Message
	// Events and DeadLetters are the final contents of the topics.
	Events, DeadLetters []Message
	// Bad has the error codes of the messages that were produced as bad input, by BadKey.
	Bad map[string]string
	// Refusing are the models that Shopee always refuses, with their failure codes.
	Refusing map[Model]string
	// Refusals are the failure codes that injected faults may cause for any push.
	Refusals map[string]bool
	Pauses   []Pause

	Calls []Call
	Stock map[Model]int64

	// Records is push_records by the checker's own rule for the row that counts; History, Failed and so
	// on are the views.
	Records, History, Failed []Record
	Facts                    []Fact
	FailedRows               []Record
	StoreSKUs, MerchantSKUs  []SKUStatus
	Stats                    []Stat
	RejectedEvents           []RejectedEvent
}

// BadKey returns the key of a message in Observation.Bad.
func BadKey(key, value string) string { return key + "\x00" + value }

// CountBad returns how many of the events are bad input.
func (o *Observation) CountBad() (n int) {
	for _, m := range o.Events {
		if _, bad := o.Bad[BadKey(m.Key, m.Value)]; bad {
			n++
		}
	}
	return n
}

// Report is the result of Check.
type Report struct {
	Violations []Violation
	// Events, Bad, Skipped, Failed and Calls are totals.
	Events, Bad, Calls int
	ByStatus           map[string]int
	// Zombies counts older quantities that were sent by a process that had been stopped for longer
	// than its session. No client can exclude them.
	Zombies int
}

// check is one run of the checker.
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

// Check judges an observation of a system that has become idle.
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
