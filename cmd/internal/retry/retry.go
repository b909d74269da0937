// Package retry re-pushes failed records: it publishes, for the newest failure
// of each store SKU that matches, an event that repeats the record's quantities.
//
// It owns which failures are taken and why others are left out. It decides
// nothing about which quantity wins: the event says what it repeats, and so it
// loses to anything newer in the log, whether ClickHouse shows that yet or not.
// A Retrier is safe for many goroutines; its methods block on ClickHouse and
// Kafka for as long as their context and their own timeouts allow.
package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// MaxEvents is how many events one request publishes at most.
const MaxEvents = 100_000

// MaxEventIDs is how many records one request names at most.
const MaxEventIDs = 10_000

// Request chooses the failures.
type Request struct {
	// Filter chooses among failed_push_records.
	Filter pushrecords.Filter
	// EventIDs are the failed records' own, at most MaxEventIDs; none is all that the filter chooses.
	EventIDs []string
	// All permits a request with neither a filter nor event ids, which takes every
	// failure. Without it such a request is refused: it may have lost its conditions.
	All bool
	// Limit is how many events are published at most; 0 is MaxEvents.
	Limit int
	// Refresh says that no person asks: the events' reason is refresh_inventory,
	// and they name no retry_of.
	Refresh bool
	// DryRun publishes nothing and tells what would be.
	DryRun bool
	// Origin says who asks.
	Origin Origin
}

// Result tells what a request did, or with DryRun would do.
type Result struct {
	// Matched is how many failed records match.
	Matched int `json:"matched"`
	// Published is how many events went out: Matched less those left out,
	// not counting NotFailing, of which no failed record is known.
	Published int `json:"published"`
	// LeftOut counts by cause what was not published; it is never nil.
	LeftOut map[string]int `json:"left_out"`
	// EventIDs are the new events', never nil, empty with DryRun.
	EventIDs []string `json:"event_ids"`
}

// Why a failure is left out.
const (
	// NotNewest: a newer failure of the same store SKU is unmended; only that one is worth repeating.
	NotNewest = "not_newest"
	// OnItsWay: this process published its retry moments ago.
	OnItsWay = "retry_on_its_way"
	// OldLog: its offset is of an events topic that is gone, so it cannot be named any more.
	OldLog = "old_log"
	// OverLimit: enough are published already.
	OverLimit = "limit"
	// NotFailing: an event id of which there is no unmended failure: it was
	// pushed since, is on its way, or does not exist.
	NotFailing = "not_failing"
)

// ErrUnavailable says that Kafka does not take events, or not in time.
var ErrUnavailable = errors.New("kafka is not available")

// publishTimeout bounds reading the log's declaration, and what is produced.
const publishTimeout = 30 * time.Second

// Deps are what a Retrier works with.
type Deps struct {
	Reader     *pushrecords.Reader
	Connection stream.Connection
	Topics     schemas.Topics
	// Producer acknowledges by all replicas.
	Producer stream.Producer
	// Logger is told of each re-push that a person asks for; nil is none.
	Logger *slog.Logger
}

// Retrier retries.
type Retrier struct {
	Deps
	sent journal
}

// New makes a Retrier.
func New(d Deps) *Retrier { return &Retrier{Deps: d, sent: newJournal()} }

// Do publishes the events of a request and returns when Kafka has them. It does
// not wait for what becomes of them. With an error the result tells what went
// out all the same.
func (r *Retrier) Do(ctx context.Context, q Request) (Result, error) {
	if err := q.validate(); err != nil {
		return Result{}, err
	}
	result, err := r.do(ctx, q)
	if !q.DryRun && !q.Refresh {
		r.audit(q, result, err)
	}
	return result, err
}

func (r *Retrier) do(ctx context.Context, q Request) (Result, error) {
	log := sync.OnceValues(func() (eventlog.Log, error) { return r.currentLog(ctx) })
	if !q.Refresh { // a person is told at once that Kafka is away; a machine asks when there is something to do
		if _, err := log(); err != nil {
			return Result{}, err
		}
	}
	b := newBatch(q, log, r.claim(q))
	if err := r.Reader.Candidates(ctx, q.Filter, q.EventIDs, b.take); err != nil {
		r.sent.release(b.events)
		return Result{}, err
	}
	result := b.finish()
	if q.DryRun {
		return result, nil
	}
	var err error
	result.EventIDs, err = r.publish(ctx, b.events)
	result.Published = len(result.EventIDs)
	return result, err
}

func (q *Request) validate() error {
	if q.Limit < 0 || q.Limit > MaxEvents {
		return &pushrecords.ParameterError{Name: "limit", Problem: fmt.Sprintf("%d is not within 1 to %d", q.Limit, MaxEvents)}
	}
	if len(q.EventIDs) > MaxEventIDs {
		return &pushrecords.ParameterError{Name: "event_ids", Problem: fmt.Sprintf("%d values are more than %d", len(q.EventIDs), MaxEventIDs)}
	}
	if !q.All && len(q.EventIDs) == 0 && q.Filter.IsZero() {
		return &pushrecords.ParameterError{Name: "all", Problem: "is not set, and there is neither a filter nor event_ids; say \"all\": true to push every failure again"}
	}
	return nil
}

// claim is how a request takes a failure for itself; a dry run only looks.
func (r *Retrier) claim(q Request) claim {
	if q.DryRun {
		return func(c failure) bool { return !r.sent.has(c) }
	}
	return r.sent.claim
}

func (r *Retrier) currentLog(ctx context.Context) (eventlog.Log, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, publishTimeout, ErrUnavailable)
	defer cancel()
	log, err := eventlog.Current(ctx, r.Connection, r.Topics)
	if err == nil || errors.Is(err, eventlog.ErrChanged) || errors.Is(err, eventlog.ErrUndeclared) {
		return log, err
	}
	return log, unavailable(err)
}

func unavailable(err error) error {
	return fmt.Errorf("%w (is it running? check kafka.brokers): %w", ErrUnavailable, err)
}
