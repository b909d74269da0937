package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stockpush/schemas"
)

var errStore = errors.New("the simulated store does not answer")

// batch is a sink's batch; the ledger is the store.
type batch struct {
	w       *world
	p       *process
	rows    []schemas.Record
	letters []source
	sends   int
	reports int
}

// Add keeps no reference to the record's memory: the ledger uses one of its strings, which is
// copied.
func (b *batch) Add(r *schemas.Record) {
	kept := *r
	kept.FailureCode = schemas.FailureCode(strings.Clone(string(r.FailureCode)))
	b.rows = append(b.rows, kept)
}

func (b *batch) Reject(l schemas.DeadLetter, _ time.Time) {
	b.letters = append(b.letters, source{l.SourceTopic, l.SourcePartition, l.SourceOffset})
}

// Report implements sinks.Batch: the simulation checks records alone.
func (b *batch) Report(*schemas.Report) { b.reports++ }

func (b *batch) Rows() int         { return len(b.rows) + len(b.letters) + b.reports }
func (b *batch) Records() int      { return len(b.rows) }
func (b *batch) KeepRecords(n int) { b.rows = b.rows[:n] }
func (b *batch) Reset()            { b.rows, b.letters, b.reports = nil, nil, 0 }

// Send may fail before or after the store has the rows.
func (b *batch) Send(ctx context.Context) error {
	b.p.gate()
	b.sends++
	draw := b.w.dice.about("store", b.p.name, b.sends, len(b.rows))
	sleep(ctx, within(draw, 0, 50*time.Millisecond))
	b.p.gate()
	if b.p.dead() || ctx.Err() != nil {
		return fmt.Errorf("send: %w", context.Canceled)
	}
	fails := chance(draw, b.w.plan.storeFails) && !b.w.healed()
	if b.w.during(storeDown, 0) || fails && chance(draw, 0.5) {
		b.w.count("store refused")
		return errStore
	}
	if b.w.defect == ForgetsRows && chance(draw, 0.1) {
		return nil
	}
	b.w.ledger.wrote(b.rows, b.letters)
	if fails {
		b.w.count("store reply lost")
		return errStore
	}
	return nil
}

// sleep waits for a duration, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
