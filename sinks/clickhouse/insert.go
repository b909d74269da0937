package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stockpush/schemas"
	"stockpush/sinks"
)

// NewBatch makes an empty batch of this store; one goroutine fills it at a time.
func (s *Store) NewBatch() sinks.Batch { return &batch{store: s, columns: recordColumns()} }

// batch keeps rows column by column, as they are sent.
type batch struct {
	store    *Store
	columns  []column
	rows     int
	rejected []rejected
}

type rejected struct {
	letter schemas.DeadLetter
	sinks.Received
}

// Add adds a record's row.
func (b *batch) Add(r *schemas.Record) {
	for i := range b.columns {
		b.columns[i].add(r)
	}
	b.rows++
}

// Reject adds a dead letter's row.
func (b *batch) Reject(letter schemas.DeadLetter, at sinks.Received) {
	b.rejected = append(b.rejected, rejected{letter, at})
}

// Rows is how many rows the batch has.
func (b *batch) Rows() int { return b.rows + len(b.rejected) }

// Records is how many records' rows the batch has.
func (b *batch) Records() int { return b.rows }

// KeepRecords forgets all records' rows but the first n.
func (b *batch) KeepRecords(n int) {
	for i := range b.columns {
		b.columns[i].keep(n)
	}
	b.rows = n
}

// Reset empties the batch and keeps its memory.
func (b *batch) Reset() {
	b.KeepRecords(0)
	b.rejected = nil
}

// Send inserts the rows. After an error it may be sent again: whatever part
// went in already counts once.
func (b *batch) Send(ctx context.Context) error {
	return errors.Join(b.sendRecords(ctx), b.sendRejected(ctx))
}

func (b *batch) sendRecords(ctx context.Context) error {
	if b.rows == 0 {
		return nil
	}
	names := make([]string, len(b.columns))
	for i, c := range b.columns {
		names[i] = c.name
	}
	insert, err := b.store.conn.PrepareBatch(ctx, "INSERT INTO "+b.store.table("push_records")+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return fmt.Errorf("insert %d records: %w", b.rows, err)
	}
	defer func() { _ = insert.Close() }()
	for i, c := range b.columns {
		if err := insert.Column(i).Append(c.slice()); err != nil {
			return fmt.Errorf("insert %d records: column %s: %w", b.rows, c.name, err)
		}
	}
	if err := insert.Send(); err != nil {
		return fmt.Errorf("insert %d records: %w", b.rows, judged(err))
	}
	return nil
}

// maxRejectedValueBytes is where rejected_events cuts the value.
const maxRejectedValueBytes = 64 << 10

func (b *batch) sendRejected(ctx context.Context) error {
	if len(b.rejected) == 0 {
		return nil
	}
	insert, err := b.store.conn.PrepareBatch(ctx, "INSERT INTO "+b.store.table("rejected_event_rows")+
		" (source_topic, source_partition, source_offset, error_code, error_field, error_message, key, value, received_at)")
	if err != nil {
		return fmt.Errorf("insert %d rejected events: %w", len(b.rejected), err)
	}
	defer func() { _ = insert.Close() }()
	for _, r := range b.rejected {
		l := r.letter
		value := l.Value[:min(len(l.Value), maxRejectedValueBytes)]
		if err := insert.Append(l.SourceTopic, l.SourcePartition, l.SourceOffset, l.Code, l.Field, l.Message, string(l.Key), string(value), r.At); err != nil {
			return fmt.Errorf("insert a rejected event: %w", err)
		}
	}
	if err := insert.Send(); err != nil {
		return fmt.Errorf("insert %d rejected events: %w", len(b.rejected), judged(err))
	}
	return nil
}
