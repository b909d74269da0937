// Package retry re-pushes failed records: for the newest failure of each matching store SKU it
// publishes an event that repeats the record's quantities.
//
// It decides which failures are taken and why others are left out. It does not decide which
// quantity wins: an event that repeats loses to anything newer in the log, whether ClickHouse shows
// that yet or not. A Retrier is safe for concurrent use. Its methods block on ClickHouse and Kafka
// until their context or their own timeouts end.
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
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// MaxEvents limits the events of one request.
const MaxEvents = 100_000

// MaxEventIDs limits the records that one request names.
const MaxEventIDs = 10_000

// Request selects failures.
type Request struct {
	// Filter selects rows of failed_push_records.
	Filter pushrecords.Filter
	// EventIDs are event ids of failed records, at most MaxEventIDs; none means everything that the
	// filter selects.
	EventIDs []string
	// All permits a request with neither a filter nor event ids, which selects every failure.
	// Without All such a request is refused, because it may have lost its conditions.
	All bool
	// Limit is the maximum number of published events; 0 means MaxEvents.
	Limit int
	// Refresh is for automatic requests: the events have reason refresh_inventory and no retry_of.
	Refresh bool
	// DryRun publishes nothing.
	DryRun bool
	// Origin says who requests it.
	Origin Origin

	// pushes is how many store SKUs a PushRequest names.
	pushes int
}

// Result is the result of a request, or with DryRun what it would be.
type Result struct {
	// Matched is how many failed records match.
	Matched int `json:"matched"`
	// Published is how many events were published: Matched minus those left out, not counting
	// NotFailing, which have no failed record.
	Published int `json:"published"`
	// LeftOut counts the others by cause; it is never nil.
	LeftOut map[string]int `json:"left_out"`
	// EventIDs are the new events' ids; never nil, empty with DryRun.
	EventIDs []string `json:"event_ids"`
}

// The causes to leave a failure out.
const (
	// NotNewest: the store SKU has a newer unresolved failure, and only that one is repeated.
	NotNewest = "not_newest"
	// OnItsWay: this process published its retry moments ago.
	OnItsWay = "retry_on_its_way"
	// OldLog: its offset belongs to an earlier events topic.
	OldLog = "old_log"
	// OverLimit: the limit is reached.
	OverLimit = "limit"
	// NotFailing: the event id has no unresolved failure: it was pushed since, is pending, or does
	// not exist.
	NotFailing = "not_failing"
)

// ErrUnavailable reports that Kafka does not accept events in time.
var ErrUnavailable = errors.New("kafka is not available")

// publishTimeout limits reading the log's declaration and producing.
const publishTimeout = 30 * time.Second

// Deps are the dependencies of a Retrier.
type Deps struct {
	Reader     *pushrecords.Reader
	Connection kafka.Connection
	Topics     schemas.Topics
	// Producer waits for all replicas.
	Producer kafka.Producer
	// Logger logs each re-push that a person requests. It may be nil.
	Logger *slog.Logger
}

// Retrier re-pushes failures.
type Retrier struct {
	Deps
	sent journal
}

// New returns a Retrier.
func New(d Deps) *Retrier { return &Retrier{Deps: d, sent: newJournal()} }

// Do publishes the events of a request and returns when Kafka has acknowledged them. It does not
// wait for outcomes. With an error, the result still has what was published.
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
	if !q.Refresh { // a person learns at once that Kafka is down; an automatic request only if there is something to publish
		if _, err := log(); err != nil {
			return Result{}, err
		}
	}
	b := newBatch(q, log, r.reserve(q))
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

// reserve returns how a request reserves failures; a dry run only checks.
func (r *Retrier) reserve(q Request) reserve {
	if q.DryRun {
		return func(c failure) bool { return !r.sent.has(c) }
	}
	return r.sent.reserve
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
