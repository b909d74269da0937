// Package redrive publishes dead letters of the events topic again after their cause was fixed.
//
// It owns which letters are published and why others are left out. It decides that no store SKU gets
// an older quantity back: a letter whose store SKU has a newer event is left out, and an event that
// arrives while letters are published is published once more behind them. It blocks on Kafka for as
// long as its context allows, and at most half a minute longer for what it published before.
package redrive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// Why a letter is left out.
const (
	// StillBad: its event still breaks a rule.
	StillBad = "still_bad"
	// NewerEvent: its store SKU has a newer event, or a newer letter.
	NewerEvent = "newer_event"
	// Cut: the letter does not have the whole event.
	Cut = "cut"
	// Repeats: it repeats a record by its offset, which means another event now.
	Repeats = "repeats_a_record"
	// TooOld: the events topic does not go back to it, so a newer event may have existed.
	TooOld = "too_old"
	// OverLimit: enough are published already.
	OverLimit = retry.OverLimit
)

// Request chooses the dead letters.
type Request struct {
	// ErrorCodes are the codes of the letters; none is all.
	ErrorCodes []string
	// Since is the earliest time at which a letter was written; zero is all.
	Since time.Time
	// Limit is how many events are published at most; 0 is retry.MaxEvents.
	Limit int
	// DryRun publishes nothing.
	DryRun bool
	// Origin names the person and the client.
	Origin retry.Origin
}

// Deps are what a Redriver works with.
type Deps struct {
	Connection kafka.Connection
	Topics     schemas.Topics
	// NewProducer returns a producer that acknowledges by all replicas; nil is stream.NewProducer
	// with the connection.
	NewProducer func() (Producer, error)
	// Reader is for Wait.
	Reader *pushrecords.Reader
	Logger *slog.Logger
}

// Redriver publishes dead letters again.
type Redriver struct{ Deps }

// New returns a Redriver.
func New(d Deps) *Redriver { return &Redriver{d} }

// timeout bounds how long letters and events are read, and letters are published.
const timeout = 10 * time.Minute

// Do publishes the letters of a request and returns when Kafka has them. If it fails, the result has
// what was published before. Published has the same events in their order.
func (r *Redriver) Do(ctx context.Context, q Request) (result retry.Result, published []Published, err error) {
	if q.Limit < 0 || q.Limit > retry.MaxEvents {
		return result, nil, &pushrecords.ParameterError{Name: "limit", Problem: fmt.Sprintf("%d is not within 1 to %d", q.Limit, retry.MaxEvents)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, retry.ErrUnavailable)
	defer cancel()
	s, err := r.choose(ctx, q)
	if err != nil {
		return retry.Result{}, nil, r.unavailable(err)
	}
	result = s.result()
	if q.DryRun {
		return result, nil, nil
	}
	published, err = r.publish(ctx, s)
	result.Published, result.EventIDs = len(published), make([]string, len(published))
	for i, p := range published {
		result.EventIDs[i] = p.EventID
	}
	r.audit(q, result, err)
	return result, published, err
}

// choose reads the letters and then, for those that are valid, the events that may be newer.
func (r *Redriver) choose(ctx context.Context, q Request) (*selection, error) {
	log, err := eventlog.Current(ctx, r.Connection, r.Topics)
	if err != nil {
		return nil, err
	}
	s := newSelection(q, log, r.Topics.Events())
	if err := r.readLetters(ctx, q, s); err != nil {
		return nil, err
	}
	if err := r.readNewer(ctx, s); err != nil {
		return nil, err
	}
	s.leaveOutDoubtful()
	s.limit(q.Limit)
	return s, nil
}

func (r *Redriver) readLetters(ctx context.Context, q Request, s *selection) error {
	from, err := kafka.OffsetsAfter(ctx, r.Connection, r.Topics.DeadLetters(), earliest(q.Since))
	if err != nil {
		return err
	}
	for partition, offset := range from {
		if _, err := kafka.ReadFrom(ctx, r.Connection, kafka.Place{Topic: r.Topics.DeadLetters(), Partition: partition, Offset: offset}, s.takeLetter); err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
	}
	return nil
}

// earliest is a time that Kafka accepts.
func earliest(t time.Time) time.Time {
	if t.Before(time.UnixMilli(0)) {
		return time.UnixMilli(0)
	}
	return t
}

// readNewer reads all events since the oldest letter, in every partition: an event of the same store
// SKU may lie in another one if it was produced with another partitioner. In the letters' own
// partitions it starts at their sources at the latest, since offsets decide there and not times.
func (r *Redriver) readNewer(ctx context.Context, s *selection) error {
	since, ok := s.oldest()
	if !ok {
		return nil
	}
	starts, err := kafka.StartOffsets(ctx, r.Connection, r.Topics.Events())
	if err != nil {
		return err
	}
	from, err := kafka.OffsetsAfter(ctx, r.Connection, r.Topics.Events(), earliest(since))
	if err != nil {
		return err
	}
	sources := s.sources()
	for partition, offset := range from {
		if source, ok := sources[partition]; ok {
			offset = min(offset, source)
		}
		trimmed := starts[partition] > 0 && offset <= starts[partition]
		if err := r.readPartition(ctx, s, kafka.Place{Topic: r.Topics.Events(), Partition: partition, Offset: offset}, trimmed); err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
	}
	return nil
}

// readPartition looks for newer events. If older ones are trimmed, letters from before the first one
// that is there are too old.
func (r *Redriver) readPartition(ctx context.Context, s *selection, from kafka.Place, trimmed bool) error {
	first := time.Time{}
	end, err := kafka.ReadFrom(ctx, r.Connection, from, func(m *kafka.Record) error {
		if first.IsZero() {
			first = m.Timestamp
		}
		s.takeEvent(m)
		return nil
	})
	s.ends[from.Partition] = end
	if trimmed {
		s.tooOld(from.Partition, first)
	}
	return err
}

func (r *Redriver) audit(q Request, result retry.Result, err error) {
	if r.Logger == nil {
		return
	}
	details := []any{"via", q.Origin.Via, "requested_by", q.Origin.RequestedBy, "remote", q.Origin.Remote, "error_codes", q.ErrorCodes,
		"limit", q.Limit, "matched", result.Matched, "published", result.Published, "left_out", result.LeftOut}
	if !q.Since.IsZero() {
		details = append(details, "since", q.Since)
	}
	if err != nil {
		r.Logger.Warn("dead letters published again in part or not at all", append(details, "error", err)...)
		return
	}
	r.Logger.Info("dead letters published again", details...)
}

func (r *Redriver) unavailable(err error) error {
	if errors.Is(err, eventlog.ErrChanged) || errors.Is(err, eventlog.ErrUndeclared) || errors.Is(err, kafka.ErrNoTopic) {
		return err
	}
	return fmt.Errorf("%w (is it running? check kafka.brokers): %w", retry.ErrUnavailable, err)
}
